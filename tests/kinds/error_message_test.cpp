#include <gtest/gtest.h>
#include <memkind.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace {

std::string message(int error) {
    char text[MEMKIND_ERROR_MESSAGE_SIZE];
    memkind_error_message(error, text, sizeof text);
    return text;
}

TEST(ErrorMessage, NamesEachError) {
    EXPECT_EQ(message(MEMKIND_ERROR_UNAVAILABLE), "<memkind> Requested memory kind is not available");
    EXPECT_EQ(message(MEMKIND_ERROR_INVALID), "<memkind> Invalid input arguments to memkind routine");
    EXPECT_EQ(message(MEMKIND_ERROR_TOOMANY),
              "<memkind> Attempted to initialize more than maximum (512) number of kinds");
    EXPECT_EQ(message(MEMKIND_ERROR_RUNTIME), "<memkind> Unspecified run-time error");
    EXPECT_EQ(message(EINVAL), "<memkind> Alignment must be a power of two and larger than sizeof(void *)");
    EXPECT_EQ(message(ENOMEM), "<memkind> Call to jemk_mallocx() failed");
}

TEST(ErrorMessage, ShowsTheNumberOfAnUnknownError) {
    EXPECT_EQ(message(0), "<memkind> Undefined error number: 0");
    EXPECT_EQ(message(-4711), "<memkind> Undefined error number: -4711");
}

TEST(ErrorMessage, IsCutToTheBuffer) {
    char text[12];
    std::memset(text, 'x', sizeof text);
    memkind_error_message(MEMKIND_ERROR_MMAP, text, 10);
    EXPECT_STREQ(text, "<memkind>");
    EXPECT_EQ(text[10], 'x');
    memkind_error_message(MEMKIND_ERROR_MMAP, text, 1);
    EXPECT_STREQ(text, "");
    memkind_error_message(MEMKIND_ERROR_MMAP, nullptr, 0);
}

TEST(Version, IsThatOfTheInterface) {
    EXPECT_EQ(memkind_get_version(), 1014000);
}

}  // namespace
