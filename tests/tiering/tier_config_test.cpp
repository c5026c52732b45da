// The parser of MEMKIND_MEM_TIERS: what it accepts and means, and for what it refuses, the column it points at.
#include "tiering/tier_config.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace terrace::tiering {
namespace {

TierConfig parse(const std::string& text) {
    TierConfig config;
    const ConfigFault fault = parse_tier_config(text, config);
    EXPECT_FALSE(fault) << text << ": " << fault.what << " '" << fault.token << "' at " << fault.column;
    return config;
}

TEST(TierConfig, ReadsOneDramTier) {
    const TierConfig config = parse("KIND:DRAM,RATIO:1;POLICY:STATIC_RATIO");
    ASSERT_EQ(config.count, 1u);
    EXPECT_EQ(config.tiers[0].kind, kDramTier);
    EXPECT_EQ(config.tiers[0].ratio, 1u);
    EXPECT_EQ(config.policy, TierPolicy::kStaticRatio);
}

TEST(TierConfig, ReadsAFileTierWithPathAndLimit) {
    const std::string text =
        "KIND:DRAM,RATIO:1;KIND:FS_DAX,PATH:/mnt/a:b "
        "c,PMEM_SIZE_LIMIT:20G,RATIO:4294967295;POLICY:DYNAMIC_THRESHOLD";
    const TierConfig config = parse(text);
    ASSERT_EQ(config.count, 2u);
    EXPECT_EQ(config.tiers[1].kind, kFileTier);
    EXPECT_EQ(config.tiers[1].path, "/mnt/a:b c");
    EXPECT_EQ(config.tiers[1].size_limit, 20ull << 30);
    EXPECT_EQ(config.tiers[1].ratio, 4294967295u);
    EXPECT_EQ(config.tiers[1].column, text.find("FS_DAX") + 1);
    EXPECT_EQ(config.policy, TierPolicy::kDynamicThreshold);
    EXPECT_EQ(config.policy_column, text.find("DYNAMIC") + 1);
}

TEST(TierConfig, TakesEveryStaticKindByItsName) {
    const TierConfig config = parse(
        "KIND:HBW,RATIO:1;KIND:KMEM_DAX,RATIO:2;KIND:REGULAR,RATIO:3;KIND:HUGETLB,RATIO:4;"
        "KIND:HIGHEST_CAPACITY_LOCAL_PREFERRED,RATIO:5;POLICY:STATIC_RATIO");
    ASSERT_EQ(config.count, 5u);
    EXPECT_EQ(config.tiers[0].kind, unsigned{kinds::kHbw});
    EXPECT_EQ(config.tiers[1].kind, unsigned{kinds::kDaxKmem});
    EXPECT_EQ(config.tiers[2].kind, unsigned{kinds::kRegular});
    EXPECT_EQ(config.tiers[3].kind, unsigned{kinds::kHugetlb});
    EXPECT_EQ(config.tiers[4].kind, unsigned{kinds::kHighestCapacityLocalPreferred});
    EXPECT_STREQ(name_of(config.tiers[1].kind), "KMEM_DAX") << "memkind's word";
    EXPECT_STREQ(name_of(config.tiers[4].kind), "HIGHEST_CAPACITY_LOCAL_PREFERRED");
    EXPECT_STREQ(name_of(kFileTier), "FS_DAX");
}

TEST(TierConfig, TakesTheFieldsOfATierInAnyOrderAsMemkindDoes) {
    const TierConfig config = parse("RATIO:3,PMEM_SIZE_LIMIT:16M,PATH:/tmp,KIND:FS_DAX;POLICY:STATIC_RATIO");
    EXPECT_EQ(config.tiers[0].kind, kFileTier);
    EXPECT_EQ(config.tiers[0].ratio, 3u);
    EXPECT_EQ(config.tiers[0].size_limit, 16u << 20);
}

TEST(TierConfig, ReadsNodesLimitsAndStrictness) {
    const std::string text =
        "KIND:NODES:0-1+4,SIZE_LIMIT:3M;KIND:CXL,RATIO:9;KIND:NODES:7;POLICY:CAPACITY_ORDER,STRICT";
    const TierConfig config = parse(text);
    ASSERT_EQ(config.count, 3u);
    EXPECT_EQ(config.tiers[0].kind, kNodesTier);
    EXPECT_EQ(config.tiers[0].nodes, "0-1+4");
    EXPECT_EQ(config.tiers[0].size_limit, 3u << 20);
    EXPECT_EQ(config.tiers[0].ratio, 1u) << "CAPACITY_ORDER needs none";
    EXPECT_EQ(config.tiers[1].kind, kCxlTier);
    EXPECT_EQ(config.tiers[2].nodes, "7");
    EXPECT_EQ(config.policy, TierPolicy::kCapacityOrder);
    EXPECT_TRUE(config.strict);
    EXPECT_FALSE(parse("KIND:DRAM,RATIO:1;POLICY:STATIC_RATIO").strict);
    EXPECT_STREQ(name_of(kNodesTier), "NODES");
    EXPECT_STREQ(name_of(kCxlTier), "CXL");
}

TEST(TierConfig, TakesACommaBehindTheLastFieldAsMemkindDoes) {
    EXPECT_EQ(parse("KIND:DRAM,RATIO:1,;POLICY:STATIC_RATIO").count, 1u);
}

TEST(TierConfig, ReadsSizesWithAndWithoutUnits) {
    const auto limit = [](const std::string& size) {
        return parse("KIND:FS_DAX,PATH:/,PMEM_SIZE_LIMIT:" + size + ",RATIO:1;POLICY:STATIC_RATIO")
            .tiers[0]
            .size_limit;
    };
    EXPECT_EQ(limit("0"), 0u);
    EXPECT_EQ(limit("16777216"), 16777216u);
    EXPECT_EQ(limit("16384K"), 16777216u);
    EXPECT_EQ(limit("17M"), 17825792u);
    EXPECT_EQ(limit("1G"), 1073741824u);
}

TEST(TierConfig, TakesSeveralFileTiersButSixteenTiersAtMost) {
    std::string text;
    for (int i = 0; i < 16; ++i)
        text += "KIND:FS_DAX,PATH:/tmp,RATIO:1;";
    EXPECT_EQ(parse(text + "POLICY:STATIC_RATIO").count, 16u);
    TierConfig config;
    const ConfigFault fault = parse_tier_config(text + "KIND:DRAM,RATIO:1;POLICY:STATIC_RATIO", config);
    ASSERT_TRUE(fault);
    EXPECT_EQ(fault.column, text.size() + 1);
}

struct Malformed {
    const char* text;
    unsigned column;
    const char* token;
    const char* what;
};

class MalformedTierConfig : public testing::TestWithParam<Malformed> {};

TEST_P(MalformedTierConfig, IsRefusedWithTheFaultTheTokenAndItsColumn) {
    const Malformed& expected = GetParam();
    TierConfig config;
    const ConfigFault fault = parse_tier_config(expected.text, config);
    ASSERT_TRUE(fault) << "accepted: " << expected.text;
    EXPECT_STREQ(fault.what, expected.what) << expected.text;
    EXPECT_EQ(fault.token, expected.token) << expected.text;
    EXPECT_EQ(fault.column, expected.column) << expected.text;
    ASSERT_NE(fault.accepted, nullptr) << expected.text;
    EXPECT_STRNE(fault.accepted, "") << expected.text;
}

const char* const kNoPolicy = "no POLICY at the end";

INSTANTIATE_TEST_SUITE_P(
    Table, MalformedTierConfig,
    testing::Values(
        Malformed{"", 1, "", "empty configuration"},                                                 //
        Malformed{";", 1, "", "empty section"},                                                      //
        Malformed{"KIND:DARM,RATIO:1;POLICY:STATIC_RATIO", 6, "DARM", "unknown kind"},               //
        Malformed{"KIND:dram,RATIO:1;POLICY:STATIC_RATIO", 6, "dram", "unknown kind"},               //
        Malformed{"KIND:DRAM ,RATIO:1;POLICY:STATIC_RATIO", 6, "DRAM ", "unknown kind"},             //
        Malformed{"KIND:,RATIO:1;POLICY:STATIC_RATIO", 6, "", "unknown kind"},                       //
        Malformed{"KIND,RATIO:1;POLICY:STATIC_RATIO", 1, "KIND", "no ':' behind"},                   //
        Malformed{"KIND:DRAM;POLICY:STATIC_RATIO", 6, "DRAM", "no RATIO in tier"},                   //
        Malformed{"RATIO:1;POLICY:STATIC_RATIO", 1, "RATIO:1", "no KIND in tier"},                   //
        Malformed{"KIND:DRAM,RATIO:0;POLICY:STATIC_RATIO", 17, "0", "bad RATIO"},                    //
        Malformed{"KIND:DRAM,RATIO:;POLICY:STATIC_RATIO", 17, "", "bad RATIO"},                      //
        Malformed{"KIND:DRAM,RATIO:-1;POLICY:STATIC_RATIO", 17, "-1", "bad RATIO"},                  //
        Malformed{"KIND:DRAM,RATIO:1.5;POLICY:STATIC_RATIO", 17, "1.5", "bad RATIO"},                //
        Malformed{"KIND:DRAM,RATIO:4294967296;POLICY:STATIC_RATIO", 17, "4294967296", "bad RATIO"},  //
        Malformed{"KIND:DRAM,RATIO:99999999999999999999;POLICY:STATIC_RATIO", 17, "99999999999999999999",
                  "bad RATIO"},
        Malformed{"KIND:DRAM,RATIO:1,RATIO:2;POLICY:STATIC_RATIO", 19, "RATIO", "second"},     //
        Malformed{"KIND:DRAM,,RATIO:1;POLICY:STATIC_RATIO", 11, "", "empty field"},            //
        Malformed{"KIND:DRAM, RATIO:1;POLICY:STATIC_RATIO", 11, " RATIO", "unknown key"},      //
        Malformed{"KIND:DRAM,SIZE:1,RATIO:1;POLICY:STATIC_RATIO", 11, "SIZE", "unknown key"},  //
        Malformed{"KIND:DRAM,RATIO:1,POLICY:STATIC_RATIO", 19, "POLICY", "inside a tier:"},    //
        Malformed{"KIND:DRAM,RATIO:1;;POLICY:STATIC_RATIO", 19, "", "empty section"},          //
        Malformed{"KIND:DRAM,RATIO:1", 18, "", kNoPolicy},                                     //
        Malformed{"KIND:DRAM,RATIO:1;", 19, "", kNoPolicy},                                    //
        Malformed{"KIND:DRAM,RATIO:1;POLICY", 19, "POLICY", "no ':' behind"},                  //
        Malformed{"KIND:DRAM,RATIO:1;POLICY:", 26, "", "unknown policy"},                      //
        Malformed{"KIND:DRAM,RATIO:1;POLICY:CIRCULAR", 26, "CIRCULAR", "unknown policy"},      //
        Malformed{"KIND:DRAM,RATIO:1;POLICY:STATIC_RATIO,X:1", 39, "X:1", "unknown word"},     //
        Malformed{"KIND:DRAM,RATIO:1;POLICY:STATIC_RATIO;KIND:DRAM", 38, ";KIND:DRAM",
                  "text behind the policy:"},
        Malformed{"KIND:DRAM,RATIO:1;POLICY:STATIC_RATIO;", 38, ";", "text behind the policy:"},      //
        Malformed{"KIND:MEMKIND_HBW,RATIO:1;POLICY:STATIC_RATIO", 6, "MEMKIND_HBW", "unknown kind"},  //
        Malformed{"KIND:DRAM,RATIO:1;KIND:DEFAULT,RATIO:1;POLICY:STATIC_RATIO", 24, "DEFAULT",
                  "second tier of kind"},
        Malformed{"RATIO:1,KIND:HBW;KIND:DRAM,RATIO:1;RATIO:1,KIND:HBW;POLICY:STATIC_RATIO", 49, "HBW",
                  "second tier of kind"},
        Malformed{"KIND:DRAM,RATIO:1;POLICY:DYNAMIC_THRESHOLD", 26, "DYNAMIC_THRESHOLD", "too few tiers for"},
        Malformed{"POLICY:STATIC_RATIO", 1, "POLICY:STATIC_RATIO", "no tier before"},  //
        Malformed{"KIND:DRAM,RATIO:1;KIND:DRAM,RATIO:2;POLICY:STATIC_RATIO", 24, "DRAM",
                  "second tier of kind"},
        Malformed{"KIND:DRAM,PATH:/tmp,RATIO:1;POLICY:STATIC_RATIO", 16, "/tmp",
                  "PATH for a tier that is not FS_DAX:"},
        Malformed{"KIND:DRAM,PMEM_SIZE_LIMIT:1G,RATIO:1;POLICY:STATIC_RATIO", 27, "1G",
                  "PMEM_SIZE_LIMIT for a tier that is not FS_DAX:"},
        Malformed{"KIND:FS_DAX,RATIO:1;POLICY:STATIC_RATIO", 6, "FS_DAX", "no PATH for"},  //
        Malformed{"KIND:FS_DAX,PATH:,RATIO:1;POLICY:STATIC_RATIO", 18, "", "empty PATH"},  //
        Malformed{"KIND:FS_DAX,PATH:/,PMEM_SIZE_LIMIT:1M,RATIO:1;POLICY:STATIC_RATIO", 36, "1M",
                  "bad PMEM_SIZE_LIMIT"},
        Malformed{"KIND:FS_DAX,PATH:/,PMEM_SIZE_LIMIT:20T,RATIO:1;POLICY:STATIC_RATIO", 36, "20T",
                  "bad PMEM_SIZE_LIMIT"},
        Malformed{"KIND:FS_DAX,PATH:/,PMEM_SIZE_LIMIT:G,RATIO:1;POLICY:STATIC_RATIO", 36, "G",
                  "bad PMEM_SIZE_LIMIT"},
        Malformed{"KIND:FS_DAX,PATH:/,PMEM_SIZE_LIMIT:17179869184G,RATIO:1;POLICY:STATIC_RATIO", 36,
                  "17179869184G", "bad PMEM_SIZE_LIMIT"},
        Malformed{"KIND:DRAM,SIZE_LIMIT:1T,RATIO:1;POLICY:STATIC_RATIO", 22, "1T", "bad SIZE_LIMIT"},
        Malformed{"KIND:FS_DAX,PATH:/,SIZE_LIMIT:1M,RATIO:1;POLICY:STATIC_RATIO", 31, "1M", "bad SIZE_LIMIT"},
        Malformed{"KIND:FS_DAX,PATH:/,SIZE_LIMIT:1G,PMEM_SIZE_LIMIT:1G,RATIO:1;POLICY:STATIC_RATIO", 50, "1G",
                  "both SIZE_LIMIT and PMEM_SIZE_LIMIT:"},
        Malformed{"KIND:NODES:,RATIO:1;POLICY:STATIC_RATIO", 12, "", "bad list of nodes"},        //
        Malformed{"KIND:NODES:0+,RATIO:1;POLICY:STATIC_RATIO", 12, "0+", "bad list of nodes"},    //
        Malformed{"KIND:NODES:2-1,RATIO:1;POLICY:STATIC_RATIO", 12, "2-1", "bad list of nodes"},  //
        Malformed{"KIND:NODES:1-,RATIO:1;POLICY:STATIC_RATIO", 12, "1-", "bad list of nodes"},    //
        Malformed{"KIND:NODES:all,RATIO:1;POLICY:STATIC_RATIO", 12, "all", "bad list of nodes"},  //
        Malformed{"KIND:DRAM,RATIO:1;POLICY:STATIC_RATIO,", 39, "", "unknown word"},              //
        Malformed{"KIND:DRAM,RATIO:1;POLICY:STATIC_RATIO,strict", 39, "strict", "unknown word"}));

// Any text gives tiers or a fault that lies within the text; the sanitizer builds see reads beyond it.
TEST(TierConfig, SurvivesRandomChangesOfAGoodText) {
    const unsigned seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const std::string good =
        "KIND:DRAM,RATIO:1;KIND:FS_DAX,PATH:/tmp,PMEM_SIZE_LIMIT:20G,RATIO:4;POLICY:STATIC_RATIO";
    constexpr char kAlphabet[] = "KINDRAMTOPLCY_SZEFX:;,0123456789GM/ \xff";
    for (int i = 0; i < 20000; ++i) {
        std::string text = good;
        for (unsigned changes = 1 + random() % 4; changes > 0 && !text.empty(); --changes) {
            const size_t at = random() % text.size();
            switch (random() % 3) {
                case 0:
                    text[at] = kAlphabet[random() % (sizeof kAlphabet - 1)];
                    break;
                case 1:
                    text.erase(at, 1 + random() % 9);
                    break;
                default:
                    text.insert(at, 1, kAlphabet[random() % (sizeof kAlphabet - 1)]);
            }
        }
        const std::unique_ptr<char[]> exact(new char[text.size()]);  // no byte behind the end may be read
        text.copy(exact.get(), text.size());
        TierConfig config;
        const ConfigFault fault = parse_tier_config({exact.get(), text.size()}, config);
        if (fault)
            ASSERT_LE(fault.column - 1 + fault.token.size(), text.size()) << text;
        else
            ASSERT_TRUE(config.count >= 1 && config.tiers[0].ratio >= 1) << text;
    }
}

}  // namespace
}  // namespace terrace::tiering
