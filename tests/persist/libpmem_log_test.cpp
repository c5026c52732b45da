// The log functions of libpmem.h: who hears what, and what is refused.
// The limits are the process's: each test leaves them as they were at first.
// Written against the public header only.
#include <gtest/gtest.h>
#include <libpmem.h>

#include <cerrno>
#include <string>
#include <vector>

namespace {

struct Heard {
    pmem_log_level level;
    std::string function;
    std::string message;
};
std::vector<Heard> heard;

void listen(pmem_log_level level, const char* file, unsigned line, const char* function,
            const char* message) {
    EXPECT_NE(file, nullptr);
    EXPECT_GT(line, 0U);
    errno = ECHILD;  // a careless listener
    heard.push_back({level, function, message});
}

class LibpmemLog : public testing::Test {
  protected:
    LibpmemLog() {
        heard.clear();
        EXPECT_EQ(pmem_log_set_function(listen), 0);
    }
    ~LibpmemLog() override {
        EXPECT_EQ(pmem_log_set_threshold(PMEM_LOG_THRESHOLD, PMEM_LOG_LEVEL_WARNING), 0);
        EXPECT_EQ(pmem_log_set_threshold(PMEM_LOG_THRESHOLD_AUX, PMEM_LOG_LEVEL_HARK), 0);
        EXPECT_EQ(pmem_log_set_function(PMEM_LOG_USE_DEFAULT_FUNCTION), 0);
    }
    static void fail() {
        EXPECT_EQ(pmem_map_file("/there/is/no/such/file", 0, 0, 0, nullptr, nullptr), nullptr);
        EXPECT_EQ(errno, ENOENT) << "whoever listens must not change errno";
    }
};

TEST_F(LibpmemLog, TellsAnErrorInTheWordsOfErrormsg) {
    ASSERT_EQ(heard.size(), 1U) << "the function is told at once whose it is";
    EXPECT_EQ(heard[0].level, PMEM_LOG_LEVEL_HARK);
    EXPECT_NE(heard[0].message.find("libpmem"), std::string::npos);
    fail();
    ASSERT_EQ(heard.size(), 2U);
    EXPECT_EQ(heard[1].level, PMEM_LOG_LEVEL_ERROR);
    EXPECT_EQ(heard[1].message, pmem_errormsg());
}

TEST_F(LibpmemLog, TellsNothingBeyondTheThreshold) {
    ASSERT_EQ(pmem_log_set_threshold(PMEM_LOG_THRESHOLD, PMEM_LOG_LEVEL_FATAL), 0);
    heard.clear();
    fail();
    EXPECT_TRUE(heard.empty());
    ASSERT_EQ(pmem_log_set_threshold(PMEM_LOG_THRESHOLD, PMEM_LOG_LEVEL_ERROR), 0);
    fail();
    EXPECT_EQ(heard.size(), 1U);
}

TEST_F(LibpmemLog, TellsItsThresholds) {
    pmem_log_level level = PMEM_LOG_LEVEL_DEBUG;
    EXPECT_EQ(pmem_log_get_threshold(PMEM_LOG_THRESHOLD, &level), 0);
    EXPECT_EQ(level, PMEM_LOG_LEVEL_WARNING);
    EXPECT_EQ(pmem_log_get_threshold(PMEM_LOG_THRESHOLD_AUX, &level), 0);
    EXPECT_EQ(level, PMEM_LOG_LEVEL_HARK);
    for (int wanted = PMEM_LOG_LEVEL_HARK; wanted <= PMEM_LOG_LEVEL_DEBUG; ++wanted) {
        EXPECT_EQ(pmem_log_set_threshold(PMEM_LOG_THRESHOLD, static_cast<pmem_log_level>(wanted)), 0);
        EXPECT_EQ(pmem_log_get_threshold(PMEM_LOG_THRESHOLD, &level), 0);
        EXPECT_EQ(level, wanted);
    }
}

TEST_F(LibpmemLog, RefusesWhatIsNoThresholdAndNoLevel) {
    pmem_log_level level = PMEM_LOG_LEVEL_DEBUG;
    const auto no_threshold = static_cast<pmem_log_threshold>(PMEM_LOG_THRESHOLD_MAX);
    const auto no_level = static_cast<pmem_log_level>(PMEM_LOG_LEVEL_DEBUG + 1);
    errno = 0;
    EXPECT_EQ(pmem_log_set_threshold(no_threshold, PMEM_LOG_LEVEL_ERROR), -1);
    EXPECT_EQ(errno, EINVAL);
    errno = 0;
    EXPECT_EQ(pmem_log_set_threshold(PMEM_LOG_THRESHOLD, no_level), -1);
    EXPECT_EQ(errno, EINVAL);
    errno = 0;
    EXPECT_EQ(pmem_log_get_threshold(no_threshold, &level), -1);
    EXPECT_EQ(errno, EINVAL);
    errno = 0;
    EXPECT_EQ(pmem_log_get_threshold(PMEM_LOG_THRESHOLD, nullptr), -1);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_EQ(level, PMEM_LOG_LEVEL_DEBUG) << "a refused call stored something";
}

TEST_F(LibpmemLog, WritesToStderrWhatTheSecondThresholdAsksFor) {
    ASSERT_EQ(pmem_log_set_function(PMEM_LOG_USE_DEFAULT_FUNCTION), 0);
    testing::internal::CaptureStderr();
    fail();
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "") << "nobody asked for it";
    ASSERT_EQ(pmem_log_set_threshold(PMEM_LOG_THRESHOLD_AUX, PMEM_LOG_LEVEL_ERROR), 0);
    testing::internal::CaptureStderr();
    fail();
    EXPECT_NE(testing::internal::GetCapturedStderr().find(pmem_errormsg()), std::string::npos);
}

}  // namespace
