// Decorators: a program that defines them sees, and changes, arguments and results.
#include <gtest/gtest.h>
#include <memkind.h>

#include <cerrno>
#include <cstdint>
#include <string>

namespace {

std::string calls;
std::size_t enlarge_to = 0;       // memkind_malloc_pre's
memkind_t redirect_to = nullptr;  // memkind_malloc_pre's
bool hide_result = false;         // memkind_malloc_post's
void* hidden = nullptr;
int report_instead = 0;  // memkind_posix_memalign_post's

}  // namespace

extern "C" {
void memkind_malloc_pre(memkind_t* kind, std::size_t* size) {
    calls += "malloc_pre " + std::to_string(*size) + "; ";
    if (enlarge_to != 0)
        *size = enlarge_to;
    if (redirect_to != nullptr)
        *kind = redirect_to;
}
void memkind_malloc_post(memkind_t, std::size_t size, void** result) {
    calls += "malloc_post " + std::to_string(size) + "; ";
    if (hide_result) {
        hidden = *result;
        *result = nullptr;
    }
}
void memkind_calloc_pre(memkind_t*, std::size_t* count, std::size_t* size) {
    calls += "calloc_pre " + std::to_string(*count) + "*" + std::to_string(*size) + "; ";
    *count *= 2;
}
void memkind_calloc_post(memkind_t, std::size_t count, std::size_t size, void** result) {
    calls += "calloc_post " + std::to_string(count * size) + (*result != nullptr ? "; " : " null; ");
}
void memkind_posix_memalign_pre(memkind_t*, void**, std::size_t* alignment, std::size_t*) {
    calls += "memalign_pre " + std::to_string(*alignment) + "; ";
    *alignment = 4096;
}
void memkind_posix_memalign_post(memkind_t, void**, std::size_t, std::size_t, int* error) {
    calls += "memalign_post " + std::to_string(*error) + "; ";
    if (report_instead != 0)
        *error = report_instead;
}
void memkind_realloc_pre(memkind_t*, void**, std::size_t* size) {
    calls += "realloc_pre " + std::to_string(*size) + "; ";
}
void memkind_realloc_post(memkind_t, void*, std::size_t size, void** result) {
    calls += "realloc_post " + std::to_string(size) + (*result != nullptr ? "; " : " null; ");
}
void memkind_free_pre(memkind_t*, void** block) {
    calls += *block != nullptr ? "free_pre; " : "free_pre null; ";
}
void memkind_free_post(memkind_t, void*) {
    calls += "free_post; ";
}
}

namespace {

class Decorators : public testing::Test {
  protected:
    void SetUp() override {
        calls.clear();
        enlarge_to = 0;
        redirect_to = nullptr;
        hide_result = false;
        report_instead = 0;
    }
};

TEST_F(Decorators, SeeMallocAndFree) {
    void* const block = memkind_malloc(MEMKIND_DEFAULT, 100);
    memkind_free(MEMKIND_DEFAULT, block);
    memkind_free(MEMKIND_DEFAULT, nullptr);
    EXPECT_EQ(calls, "malloc_pre 100; malloc_post 100; free_pre; free_post; free_pre null; free_post; ");
}

TEST_F(Decorators, ChangeTheKindTheSizeAndTheResult) {
    enlarge_to = 5000;
    redirect_to = MEMKIND_REGULAR;
    void* const block = memkind_malloc(MEMKIND_DEFAULT, 100);
    EXPECT_GE(memkind_malloc_usable_size(nullptr, block), 5000U);
    EXPECT_EQ(memkind_detect_kind(block), MEMKIND_REGULAR);
    memkind_free(nullptr, block);
    hide_result = true;
    EXPECT_EQ(memkind_malloc(MEMKIND_DEFAULT, 100), nullptr);
    EXPECT_NE(hidden, nullptr);
    memkind_free(nullptr, hidden);
}

TEST_F(Decorators, SeeCalloc) {
    void* const block = memkind_calloc(MEMKIND_DEFAULT, 10, 100);
    EXPECT_GE(memkind_malloc_usable_size(nullptr, block), 2000U);
    EXPECT_EQ(calls, "calloc_pre 10*100; calloc_post 2000; ");
    memkind_free(nullptr, block);
}

TEST_F(Decorators, SeeAlignedAllocations) {
    void* block = nullptr;
    EXPECT_EQ(memkind_posix_memalign(MEMKIND_DEFAULT, &block, 16, 100), 0);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % 4096, 0U);
    memkind_free(nullptr, block);
    EXPECT_EQ(calls, "memalign_pre 16; memalign_post 0; free_pre; free_post; ");
    report_instead = EPERM;
    EXPECT_EQ(memkind_posix_memalign(MEMKIND_DEFAULT, &block, 16, 100), EPERM);
    memkind_free(nullptr, block);
}

TEST_F(Decorators, SeeReallocAndNotWhatItIsMadeOf) {
    void* block = memkind_realloc(MEMKIND_DEFAULT, nullptr, 100);
    block = memkind_realloc(MEMKIND_DEFAULT, block, 10000);
    EXPECT_EQ(memkind_realloc(MEMKIND_DEFAULT, block, SIZE_MAX), nullptr);
    EXPECT_EQ(memkind_realloc(MEMKIND_DEFAULT, block, 0), nullptr);
    EXPECT_EQ(calls,
              "realloc_pre 100; realloc_post 100; realloc_pre 10000; realloc_post 10000; realloc_pre " +
                  std::to_string(SIZE_MAX) + "; realloc_post " + std::to_string(SIZE_MAX) +
                  " null; realloc_pre 0; realloc_post 0 null; ");
}

TEST_F(Decorators, AreCalledForFailuresToo) {
    EXPECT_EQ(memkind_malloc(MEMKIND_DEFAULT, SIZE_MAX), nullptr);
    EXPECT_EQ(memkind_malloc(nullptr, 1), nullptr);
    EXPECT_EQ(memkind_malloc(MEMKIND_DEFAULT, 0), nullptr);
    const std::string most = std::to_string(SIZE_MAX);
    EXPECT_EQ(calls, "malloc_pre " + most + "; malloc_post " + most +
                         "; malloc_pre 1; malloc_post 1; malloc_pre 0; malloc_post 0; ");
}

}  // namespace
