// The persistent kind: memkind's functions over a pool, publishing, and what is left after a reopening or a kill.
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "tests/persist/persistent_kind.hpp"

namespace {

using namespace terrace::tests;

TEST_P(PersistentKind, PublishedMemoryIsThereAfterReopening) {
    char* const memory = text("remember me");
    ASSERT_NE(memory, nullptr);
    EXPECT_EQ(memkind_publish(kind_, &root_->newest, memory), MEMKIND_SUCCESS);
    EXPECT_EQ(pmemobj_direct(root_->newest), memory);
    reopen();
    ASSERT_FALSE(OID_IS_NULL(root_->newest));
    EXPECT_STREQ(static_cast<char*>(pmemobj_direct(root_->newest)), "remember me");
    EXPECT_EQ(memkind_detect_kind(pmemobj_direct(root_->newest)), kind_);
    EXPECT_EQ(objects(), 1U);
}

TEST_P(PersistentKind, PublishedMemorySurvivesSigkill) {
    ASSERT_EQ(memkind_destroy_kind(kind_), MEMKIND_SUCCESS);
    kind_ = nullptr;
    EXPECT_EQ(run_in_child([&] {
                  open();
                  memkind_publish(kind_, &root_->newest, text("published"));
                  text("only reserved");
                  raise(SIGKILL);
                  return false;
              }),
              SIGKILL);
    open();
    EXPECT_STREQ(static_cast<char*>(pmemobj_direct(root_->newest)), "published");
    EXPECT_EQ(objects(), 1U) << "a reserved block came back";
}

TEST_P(PersistentKind, ReservedMemoryLeavesNoTrace) {
    for (int i = 0; i < 1000; ++i)
        ASSERT_NE(text("forget me"), nullptr);
    reopen();
    EXPECT_EQ(objects(), 0U);
    // And the pool's room is all there again.
    void* const large = memkind_malloc(kind_, kPoolSize / 2);
    EXPECT_NE(large, nullptr);
    memkind_free(kind_, large);
}

TEST_P(PersistentKind, FreeingAPublishedBlockIsDurable) {
    char* const memory = text("short life");
    ASSERT_EQ(memkind_publish(kind_, nullptr, memory), MEMKIND_SUCCESS);
    EXPECT_EQ(objects(), 1U);
    memkind_free(nullptr, memory);
    EXPECT_EQ(objects(), 0U);
    reopen();
    EXPECT_EQ(objects(), 0U);
}

TEST_P(PersistentKind, AnswersMemkindsHeapFunctions) {
    auto* zeroed = static_cast<unsigned char*>(memkind_calloc(kind_, 100, 10));
    ASSERT_NE(zeroed, nullptr);
    for (int i = 0; i < 1000; ++i)
        ASSERT_EQ(zeroed[i], 0);
    EXPECT_GE(memkind_malloc_usable_size(nullptr, zeroed), 1000U);
    EXPECT_EQ(memkind_detect_kind(zeroed), kind_);
    void* aligned = nullptr;
    ASSERT_EQ(memkind_posix_memalign(kind_, &aligned, 4096, 100), 0);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(aligned) % 4096, 0U);
    zeroed[999] = 7;
    zeroed = static_cast<unsigned char*>(memkind_realloc(kind_, zeroed, 100'000));
    ASSERT_NE(zeroed, nullptr);
    EXPECT_EQ(zeroed[999], 7);
    EXPECT_EQ(memkind_malloc(kind_, 0), nullptr);
    errno = 0;
    EXPECT_EQ(memkind_malloc(kind_, SIZE_MAX), nullptr);
    EXPECT_EQ(errno, ENOMEM);
    errno = 0;
    EXPECT_EQ(memkind_malloc(kind_, 10 * kPoolSize), nullptr);
    EXPECT_EQ(errno, ENOMEM);
    EXPECT_EQ(memkind_check_available(kind_), MEMKIND_SUCCESS);
    memkind_free(nullptr, zeroed);
    memkind_free(nullptr, aligned);
}

TEST_P(PersistentKind, APublishedBlockDoesNotMove) {
    char* const memory = text("here");
    ASSERT_EQ(memkind_publish(kind_, &root_->newest, memory), MEMKIND_SUCCESS);
    errno = 0;
    EXPECT_EQ(memkind_realloc(kind_, memory, 100'000), nullptr);
    EXPECT_EQ(errno, EINVAL);
    errno = 0;
    EXPECT_EQ(memkind_realloc(MEMKIND_DEFAULT, memory, 10), nullptr);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_EQ(memkind_realloc(kind_, memory, 50), memory);
    EXPECT_STREQ(memory, "here");
}

TEST_P(PersistentKind, ReservedMemoryMovesFromAndToOtherKinds) {
    char* memory = text("moves");
    memory = static_cast<char*>(memkind_realloc(MEMKIND_DEFAULT, memory, 1000));
    EXPECT_EQ(memkind_detect_kind(memory), MEMKIND_DEFAULT);
    memory = static_cast<char*>(memkind_realloc(kind_, memory, 2000));
    EXPECT_EQ(memkind_detect_kind(memory), kind_);
    EXPECT_STREQ(memory, "moves");
    memkind_free(kind_, memory);
}

TEST_P(PersistentKind, PublishingRefusesWhatItCannotPublish) {
    char* const memory = text("once");
    ASSERT_EQ(memkind_publish(kind_, nullptr, memory), MEMKIND_SUCCESS);
    EXPECT_EQ(memkind_publish(kind_, nullptr, memory), MEMKIND_ERROR_INVALID) << "published already";
    void* const ordinary = memkind_malloc(MEMKIND_DEFAULT, 10);
    EXPECT_EQ(memkind_publish(kind_, nullptr, ordinary), MEMKIND_ERROR_INVALID);
    EXPECT_EQ(memkind_publish(MEMKIND_DEFAULT, nullptr, ordinary), MEMKIND_ERROR_INVALID);
    EXPECT_EQ(memkind_publish(kind_, nullptr, nullptr), MEMKIND_ERROR_INVALID);
    EXPECT_EQ(memkind_publish(kind_, nullptr, root_), MEMKIND_ERROR_INVALID);
    EXPECT_EQ(memkind_persistent_pool(MEMKIND_DEFAULT), nullptr);
    EXPECT_EQ(memkind_persistent_pool(nullptr), nullptr);
    memkind_free(nullptr, ordinary);
}

TEST_P(PersistentKind, TransactionsWorkOnTheSamePool) {
    TX_BEGIN(pool_) {
        pmemobj_tx_add_range_direct(root_, sizeof *root_);
        root_->newest = pmemobj_tx_zalloc(64, 7);
        std::strcpy(static_cast<char*>(pmemobj_direct(root_->newest)), "by transaction");
    }
    TX_END
    void* const object = pmemobj_direct(root_->newest);
    EXPECT_EQ(memkind_detect_kind(object), kind_);
    reopen();
    EXPECT_STREQ(static_cast<char*>(pmemobj_direct(root_->newest)), "by transaction");
}

TEST_P(PersistentKind, TwoPoolsAreTwoKinds) {
    memkind_t other = nullptr;
    ASSERT_EQ(memkind_create_persistent(directory_.file("other").c_str(), "test", kPoolSize, &other),
              MEMKIND_SUCCESS);
    void* const here = memkind_malloc(kind_, 100);
    void* const there = memkind_malloc(other, 100);
    EXPECT_EQ(memkind_detect_kind(here), kind_);
    EXPECT_EQ(memkind_detect_kind(there), other);
    memkind_free(kind_, there);
    memkind_free(other, here);
    EXPECT_EQ(memkind_destroy_kind(other), MEMKIND_SUCCESS);
    EXPECT_EQ(memkind_detect_kind(there), nullptr);
    EXPECT_EQ(memkind_detect_kind(memkind_malloc(kind_, 10)), kind_);
}

TEST_P(PersistentKind, AForkedChildMayReadButNotAllocate) {
    ASSERT_EQ(memkind_publish(kind_, &root_->newest, text("parent's")), MEMKIND_SUCCESS);
    EXPECT_EQ(run_in_child([&] {
                  const bool reads =
                      std::strcmp(static_cast<char*>(pmemobj_direct(root_->newest)), "parent's") == 0;
                  void* const memory = memkind_malloc(kind_, 10);
                  return reads &&
                         (memory == nullptr || memkind_publish(kind_, nullptr, memory) != MEMKIND_SUCCESS);
              }),
              0);
    EXPECT_EQ(objects(), 1U);
}

INSTANTIATE_TEST_SUITE_P(On, PersistentKind, kBothMedia, where_of);

}  // namespace
