// The parsers of libautohbw's variables.
#include "tiering/auto_hbw_settings.hpp"

#include <gtest/gtest.h>

#include "tiering/static_kind_names.hpp"

namespace terrace::tiering {
namespace {

TEST(AutoHbwSizes, AreAllAboveOneMebibyteByDefault) {
    const AutoHbwSizes sizes;
    EXPECT_FALSE(sizes.contain(1u << 20));
    EXPECT_TRUE(sizes.contain((1u << 20) + 1));
    EXPECT_TRUE(sizes.contain(UINT64_MAX - 1));
}

TEST(AutoHbwSizes, LieBetweenTheLimits) {
    AutoHbwSizes sizes;
    ASSERT_FALSE(parse_auto_hbw_sizes("1M:5M", sizes));
    EXPECT_EQ(sizes.low, 1u << 20);
    EXPECT_EQ(sizes.high, 5u << 20);
    EXPECT_FALSE(sizes.contain(1u << 20)) << "larger than, not as large as";
    EXPECT_FALSE(sizes.contain(5u << 20));
    ASSERT_FALSE(parse_auto_hbw_sizes("4K", sizes));
    EXPECT_EQ(sizes.low, 4096u);
    EXPECT_EQ(sizes.high, UINT64_MAX);
    ASSERT_FALSE(parse_auto_hbw_sizes("0:3G", sizes));
    EXPECT_TRUE(sizes.contain(1));
    ASSERT_FALSE(parse_auto_hbw_sizes("100", sizes));
    EXPECT_EQ(sizes.low, 100u);
}

TEST(AutoHbwSizes, AreRefusedWithThePlaceOfTheFault) {
    AutoHbwSizes sizes{5, 6};
    const auto column = [&](const char* text) { return parse_auto_hbw_sizes(text, sizes).column; };
    for (const char* text : {"", "x", "-1", "1T", "1.5M", " 1", ":1M", "1 M", "99999999999999999999"})
        EXPECT_EQ(column(text), 1u) << text;
    EXPECT_EQ(column("1K:"), 4u);
    EXPECT_EQ(column("1K:x"), 4u);
    EXPECT_EQ(column("1K:2K:3K"), 4u);
    EXPECT_EQ(column("4K:1K"), 1u);
    EXPECT_EQ(column("4K:4K"), 1u);
    EXPECT_EQ(sizes.low, 5u) << "left alone";
    EXPECT_EQ(sizes.high, 6u);
}

TEST(AutoHbwKind, IsAnyStaticKindInAnyCase) {
    for (unsigned number = 0; number < kinds::kStaticKindCount; ++number) {
        const std::string name = std::string("MEMKIND_") + kStaticKindNames[number];
        std::string lower, mixed;
        for (const char c : name) {
            lower += static_cast<char>(tolower(c));
            mixed += static_cast<char>(mixed.size() % 2 == 0 ? tolower(c) : c);
        }
        for (const std::string& spelling : {name, lower, mixed}) {
            unsigned kind = 99;
            EXPECT_FALSE(parse_auto_hbw_kind(spelling, kind)) << spelling;
            EXPECT_EQ(kind, number) << spelling;
        }
    }
    unsigned kind = 99;
    for (const char* text :
         {"", "hbw", "memkind", "memkind_", "memkind_hb", "memkind_hbwx", " memkind_hbw", "memkind-hbw"})
        EXPECT_TRUE(parse_auto_hbw_kind(text, kind)) << text;
    EXPECT_EQ(kind, 99u) << "left alone";
}

TEST(AutoHbwLogLevel, IsOneOfFive) {
    AutoHbwLog log = AutoHbwLog::kNone;
    const char* const levels[] = {"-1", "0", "1", "2", "3"};
    for (int i = 0; i < 5; ++i) {
        EXPECT_FALSE(parse_auto_hbw_log(levels[i], log));
        EXPECT_EQ(static_cast<int>(log), i - 1);
    }
    for (const char* text : {"", "4", "-2", "00", "x", " 1", "1 "})
        EXPECT_TRUE(parse_auto_hbw_log(text, log)) << text;
    EXPECT_EQ(log, AutoHbwLog::kEverything) << "left alone";
}

}  // namespace
}  // namespace terrace::tiering
