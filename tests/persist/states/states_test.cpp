// The crash-state explorer as a test: each workload at both granularities, in a process of its own, so that a crash
// of the library is a fault that is reported with the image it happened on. See README.md.
//     TERRACE_TEST_SEED=n      repeats a run's choices
//     TERRACE_STATES=n         images of each workload and granularity; CI has kImagesInCi
#include <gtest/gtest.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <random>
#include <string>

#include "tests/persist/slow_build.hpp"
#include "tests/persist/states/explorer.hpp"
#include "tests/persist/states/workloads.hpp"

namespace terrace::persist::states {
namespace {

constexpr size_t kImagesInCi = kIsSlowBuild ? 60 : 4000;
// 100,000 in all. At page granularity fewer differ: a page is there or not.
constexpr uint64_t kLeastOfLines = 80000;
constexpr uint64_t kLeastOfPages = 20000;

uint64_t number_from(const char* name, uint64_t otherwise) {
    const char* const given = getenv(name);
    return given != nullptr && given[0] != 0 ? strtoull(given, nullptr, 0) : otherwise;
}

uint64_t seed() {
    static const uint64_t value = number_from("TERRACE_TEST_SEED", std::random_device{}());
    return value;
}

struct Total {
    uint64_t images = 0;
    uint64_t second_images = 0;
    size_t runs = 0;
};
Total g_lines, g_pages;

// Outlives the process that explores.
struct Report {
    Outcome outcome() const {
        Outcome result;
        result.points = points;
        result.images = images;
        result.recoveries = recoveries;
        result.second_images = second_images;
        result.refused = refused;
        result.fault = fault;
        return result;
    }
    void set(const Outcome& outcome) {
        points = outcome.points;
        images = outcome.images;
        recoveries = outcome.recoveries;
        second_images = outcome.second_images;
        refused = outcome.refused;
        snprintf(fault, sizeof fault, "%s", outcome.fault.c_str());
        is_complete = true;
    }
    uint64_t points, images, recoveries, second_images, refused;
    bool is_complete;
    char fault[8192];
    char checking[8192];  // the image that is open now
    char image_path[512];
};

std::vector<Workload> all_workloads() {
    std::vector<Workload> all;
    for (const auto& some : {transaction_workloads(), atomic_workloads(), pool_workloads(),
                             thread_workloads(), list_workloads()})
        all.insert(all.end(), some.begin(), some.end());
    return all;
}

void explore(const Workload& workload, Granularity granularity, const std::string& path, Report& report) {
    World world(path, granularity, workload.parts, seed());
    if (!workload.makes_pool) {
        world.create(PMEMOBJ_MIN_POOL);
        if (OID_IS_NULL(pmemobj_root(world.pool, sizeof(Root))))
            world.open_or_create_failed("root");
        if (workload.prepare != nullptr)
            workload.prepare(world);
        for (size_t part = 0; part < workload.parts; ++part)
            world.done("prepared", part);
        world.close();
    }
    world.start_recording();
    if (!workload.makes_pool)
        world.open();
    workload.run(world);
    world.close();
    world.recorder().mark("close");
    const Trace trace = world.finish_recording();

    Budget budget;
    budget.seed = seed();
    budget.images = number_from("TERRACE_STATES", kImagesInCi);
    budget.nested = budget.images / 80;
    budget.second = 28;
    Explorer explorer(world, budget, path + ".image", [&](const std::string& what, const ImageFile& file) {
        snprintf(report.checking, sizeof report.checking, "%s", what.c_str());
        snprintf(report.image_path, sizeof report.image_path, "%s", file.path().c_str());
        if (what.find('\n') != std::string::npos)  // with a fault: the image as it was before it was opened
            file.keep_as("/tmp/terrace-states-" + std::string(workload.name) + ".pool");
    });
    report.set(explorer.explore(trace));
}

class States : public ::testing::TestWithParam<std::tuple<Workload, Granularity>> {
  protected:
    void SetUp() override {
        setenv("PMEM2_FORCE_GRANULARITY", is_page() ? "PAGE" : "CACHE_LINE", 1);
        report_ = static_cast<Report*>(
            mmap(nullptr, sizeof(Report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
        ASSERT_NE(report_, MAP_FAILED);
    }
    void TearDown() override {
        munmap(report_, sizeof(Report));
        for (const char* suffix : {"", ".image", ".image.again"})
            unlink((path_ + suffix).c_str());
        unsetenv("PMEM2_FORCE_GRANULARITY");
    }
    static bool is_page() { return std::get<1>(GetParam()) == Granularity::kPage; }

    const std::string path_ = "/dev/shm/terrace-states-" + std::to_string(getpid());
    Report* report_ = nullptr;
};

TEST_P(States, AreAllOneOfThoseThatMayBeFound) {
    const auto& [workload, granularity] = GetParam();
    fflush(nullptr);
    const pid_t child = fork();
    if (child == 0) {
        explore(workload, granularity, path_, *report_);
        fflush(nullptr);
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    const Outcome outcome = report_->outcome();
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || !report_->is_complete) {
        const std::string kept = "/tmp/terrace-states-crash.pool";
        const std::string copy = "cp " + std::string(report_->image_path) + " " + kept;
        (void)!system(copy.c_str());
        FAIL() << "the process ended with status " << status << " on this image, kept as it was then in "
               << kept << ":\n"
               << report_->checking << "\nTERRACE_TEST_SEED=" << seed();
    }
    EXPECT_EQ(outcome.fault, "") << "the image is kept in /tmp/terrace-states-" << workload.name
                                 << ".pool; TERRACE_TEST_SEED=" << seed();
    printf("    %-24s %-10s %5llu points %7llu states, %4llu recoveries crashed: %6llu more, %llu refused\n",
           workload.name, is_page() ? "page" : "cache line", static_cast<unsigned long long>(outcome.points),
           static_cast<unsigned long long>(outcome.images),
           static_cast<unsigned long long>(outcome.recoveries),
           static_cast<unsigned long long>(outcome.second_images),
           static_cast<unsigned long long>(outcome.refused));
    EXPECT_GT(outcome.images, 0u);
    Total& total = is_page() ? g_pages : g_lines;
    total.images += outcome.images;
    total.second_images += outcome.second_images;
    ++total.runs;
}

INSTANTIATE_TEST_SUITE_P(Of, States,
                         ::testing::Combine(::testing::ValuesIn(all_workloads()),
                                            ::testing::Values(Granularity::kCacheLine, Granularity::kPage)),
                         [](const auto& info) {
                             return std::string(std::get<0>(info.param).name) +
                                    (std::get<1>(info.param) == Granularity::kPage ? "_page" : "_line");
                         });

class TotalIsEnough : public ::testing::Environment {
  public:
    void SetUp() override { printf("TERRACE_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed())); }
    void TearDown() override {
        judge("cache line", g_lines, kLeastOfLines);
        judge("page", g_pages, kLeastOfPages);
    }

  private:
    static void judge(const char* granularity, const Total& found, uint64_t least) {
        const uint64_t total = found.images + found.second_images;
        printf("%s granularity: %llu distinct states, %llu of them of recoveries that were cut off\n",
               granularity, static_cast<unsigned long long>(total),
               static_cast<unsigned long long>(found.second_images));
        const bool is_ci_run = !kIsSlowBuild && getenv("TERRACE_STATES") == nullptr;
        if (is_ci_run && found.runs == all_workloads().size()) {
            EXPECT_GE(total, least);
        }
    }
};
const ::testing::Environment* const g_environment = ::testing::AddGlobalTestEnvironment(new TotalIsEnough);

}  // namespace
}  // namespace terrace::persist::states
