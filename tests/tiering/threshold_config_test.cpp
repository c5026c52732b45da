// The parser of MEMKIND_MEM_THRESHOLDS: what it accepts, and for what it refuses, the column it points at.
#include "tiering/threshold_config.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace terrace::tiering {
namespace {

ThresholdConfig parse(const std::string& text, unsigned tiers) {
    ThresholdConfig config;
    const ConfigFault fault = parse_threshold_config(text, tiers, config);
    EXPECT_FALSE(fault) << text << ": " << fault.what << " '" << fault.token << "' at " << fault.column;
    return config;
}

TEST(ThresholdConfig, ReadsWhatIsGivenAndKeepsTheDefaultsOfTheRest) {
    const ThresholdConfig one = parse("INIT_VAL:64,MIN_VAL:1,MAX_VAL:10000", 2);
    ASSERT_EQ(one.count, 1u);
    EXPECT_EQ(one.thresholds[0].value, 64u);
    EXPECT_EQ(one.thresholds[0].least, 1u);
    EXPECT_EQ(one.thresholds[0].most, 10000u);
    const ThresholdConfig three = parse("MIN_VAL:1;MAX_VAL:2000,INIT_VAL:1800", 4);
    ASSERT_EQ(three.count, 3u);
    EXPECT_EQ(three.thresholds[0].value, 1024u);
    EXPECT_EQ(three.thresholds[0].least, 1u);
    EXPECT_EQ(three.thresholds[1].value, 1800u);
    EXPECT_EQ(three.thresholds[1].most, 2000u);
    EXPECT_EQ(three.thresholds[2].value, 3072u);
    EXPECT_EQ(default_thresholds(4).count, 3u);
}

TEST(ThresholdConfig, TakesUnitsAndATrailingCommaAsMemkindDoes) {
    EXPECT_EQ(parse("INIT_VAL:1K,", 2).thresholds[0].value, 1024u);
    EXPECT_EQ(parse("MAX_VAL:1G", 2).thresholds[0].most, 1u << 30);
}

struct Malformed {
    const char* text;
    unsigned column;
    const char* token;
    const char* what;
};

class MalformedThresholds : public testing::TestWithParam<Malformed> {};

// For two tiers.
TEST_P(MalformedThresholds, AreRefusedWithTheFaultTheTokenAndItsColumn) {
    const Malformed& expected = GetParam();
    ThresholdConfig config;
    const ConfigFault fault = parse_threshold_config(expected.text, 2, config);
    ASSERT_TRUE(fault) << "accepted: " << expected.text;
    EXPECT_STREQ(fault.what, expected.what) << expected.text;
    EXPECT_EQ(fault.token, expected.token) << expected.text;
    EXPECT_EQ(fault.column, expected.column) << expected.text;
    EXPECT_STRNE(fault.accepted, "") << expected.text;
}

INSTANTIATE_TEST_SUITE_P(
    Table, MalformedThresholds,
    testing::Values(Malformed{"", 1, "", "empty section"},                                                  //
                    Malformed{";", 1, "", "empty section"},                                                 //
                    Malformed{"INIT_VAL:1000;", 15, "", "empty section"},                                   //
                    Malformed{"INIT_VAL:1000;INIT_VAL:2000", 15, "INIT_VAL:2000", "too many thresholds:"},  //
                    Malformed{"INIT_VAL:1000,INIT_VAL:1000", 15, "INIT_VAL", "second"},                     //
                    Malformed{"INIT:1000", 1, "INIT", "unknown key"},                                       //
                    Malformed{"INIT_VAL", 1, "INIT_VAL", "no ':' behind"},                                  //
                    Malformed{"INIT_VAL:", 10, "", "bad value"},                                            //
                    Malformed{"INIT_VAL:x", 10, "x", "bad value"},                                          //
                    Malformed{"INIT_VAL:-5", 10, "-5", "bad value"},                                        //
                    Malformed{",INIT_VAL:600", 1, "", "empty field"},                                       //
                    Malformed{"INIT_VAL:64", 1, "INIT_VAL:64", "the minimum is above the initial value"},   //
                    Malformed{"MAX_VAL:1000", 1, "MAX_VAL:1000",
                              "the maximum is below the initial value"})  //
);

TEST(ThresholdConfig, PointsAtTheLastGivenThresholdThatMeetsAnother) {
    const std::string text = "INIT_VAL:1000;INIT_VAL:2000,MIN_VAL:1500";
    ThresholdConfig config;
    const ConfigFault within = parse_threshold_config(text, 3, config);
    ASSERT_TRUE(within);
    EXPECT_EQ(within.column, 15u);
    const ConfigFault into_a_default = parse_threshold_config("MAX_VAL:9000", 3, config);
    ASSERT_TRUE(into_a_default);
    EXPECT_EQ(into_a_default.column, 1u);
}

TEST(ThresholdConfig, SurvivesRandomText) {
    const unsigned seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const std::string words[] = {"INIT_VAL", "MIN_VAL", "MAX_VAL", ":",  ":", ",", ";",
                                 "1",        "512",     "1024",    "2K", "x", ""};
    for (int i = 0; i < 20000; ++i) {
        std::string text;
        for (auto count = random() % 14; count > 0; --count)
            text += words[random() % std::size(words)];
        const std::unique_ptr<char[]> exact(new char[text.size()]);  // no byte behind the end may be read
        text.copy(exact.get(), text.size());
        const auto tiers = static_cast<unsigned>(2 + random() % 15);
        ThresholdConfig config;
        const ConfigFault fault = parse_threshold_config({exact.get(), text.size()}, tiers, config);
        if (fault)
            ASSERT_LE(fault.column - 1 + fault.token.size(), text.size()) << text;
        else
            ASSERT_FALSE(find_fault({config.thresholds, config.count}, {})) << text;
    }
}

}  // namespace
}  // namespace terrace::tiering
