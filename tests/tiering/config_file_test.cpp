// The configuration file: lines to one text, and the way back from a fault to its line.
#include "tiering/config_file.hpp"

#include <gtest/gtest.h>

#include <string>

#include "tiering/threshold_config.hpp"
#include "tiering/tier_config.hpp"

namespace terrace::tiering {
namespace {

TEST(ConfigFile, JoinsSectionsAndSkipsCommentsAndBlanks) {
    ConfigFile file;
    ASSERT_FALSE(
        file.read("# tiers\n\n  KIND:DRAM,RATIO:1\t\r\n \nTHRESHOLDS:INIT_VAL:64\n"
                  "KIND:FS_DAX,PATH:/mnt/a b,RATIO:4\nPOLICY:STATIC_RATIO"));
    EXPECT_EQ(file.tiers(), "KIND:DRAM,RATIO:1;KIND:FS_DAX,PATH:/mnt/a b,RATIO:4;POLICY:STATIC_RATIO");
    EXPECT_EQ(file.thresholds(), "INIT_VAL:64");
}

TEST(ConfigFile, HasNoThresholdsWithoutTheirLine) {
    ConfigFile file;
    ASSERT_FALSE(file.read("KIND:DRAM,RATIO:1\nPOLICY:STATIC_RATIO\n"));
    EXPECT_EQ(file.thresholds().data(), nullptr);
    ConfigFile empty;
    ASSERT_FALSE(empty.read("# nothing\n"));
    EXPECT_EQ(empty.tiers(), "");
}

TEST(ConfigFile, FindsTheLineAndColumnOfAFault) {
    ConfigFile file;
    ASSERT_FALSE(
        file.read("# one\n  KIND:DRAM,RATIO:1\n\n\tKIND:DARM,RATIO:1\nPOLICY:STATIC_RATIO\n"
                  "THRESHOLDS:INIT_VAL:x\n"));
    TierConfig config;
    const ConfigFault fault = parse_tier_config(file.tiers(), config);
    ASSERT_TRUE(fault);
    EXPECT_EQ(fault.token, "DARM");
    EXPECT_EQ(file.place_of(fault).line, 4u);
    EXPECT_EQ(file.place_of(fault).column, 7u);
    ThresholdConfig thresholds;
    const ConfigFault other = parse_threshold_config(file.thresholds(), 2, thresholds);
    ASSERT_TRUE(other);
    EXPECT_EQ(file.place_of(other).line, 6u);
    EXPECT_EQ(file.place_of(other).column, 21u);
}

TEST(ConfigFile, RefusesWhatDoesNotFit) {
    const std::string section = "KIND:DRAM,RATIO:1\n";
    std::string lines;
    for (unsigned i = 0; i < ConfigFile::kMostLines; ++i)
        lines += section;
    EXPECT_FALSE(ConfigFile().read(lines));
    EXPECT_TRUE(ConfigFile().read(lines + section));
    EXPECT_FALSE(ConfigFile().read(lines + std::string(100000, '\n') + "#" + std::string(100000, 'x')));
    EXPECT_TRUE(ConfigFile().read(std::string(ConfigFile::kMostText, 'x')));
    EXPECT_TRUE(ConfigFile().read("THRESHOLDS:\nTHRESHOLDS:\n"));
}

TEST(ConfigFile, PicturesAFaultInALongText) {
    const std::string text = std::string(300, 'x') + "HERE" + std::string(300, 'y');
    const std::string_view token(text.data() + 300, 4);
    const FaultPicture picture = picture_of(text, ConfigText(text).fault("bad", token, "good"));
    const std::string shown = picture.text;
    EXPECT_EQ(shown.size(), FaultPicture::kWidth);
    EXPECT_EQ(shown.substr(std::string(picture.caret).find('^'), 4), "HERE");
    EXPECT_EQ(std::string(picture.caret).substr(std::string(picture.caret).find('^')), "^~~~");
    const FaultPicture control = picture_of("a\x1b[2Jb", {"bad", {}, 1, "good"});
    EXPECT_STREQ(control.text, "a?[2Jb") << "nothing that a terminal obeys";
    EXPECT_STREQ(control.caret, "^");
}

}  // namespace
}  // namespace terrace::tiering
