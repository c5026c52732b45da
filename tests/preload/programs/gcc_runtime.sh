# gcc's own runtime: C, C++, OpenMP, exceptions across threads, coroutines, link-time optimisation, a plugin with its own
# operators, profiling and trampolines. Each is compiled by the plain compiler and run preloaded; gxx.sh preloads the compiler.
needs="gcc g++" packages="gcc g++"

# program NAME FLAGS…: compiles standard input, in the first round only, and runs it.
program() {
    local name=$1
    shift
    cat >"$name.cpp"
    [ -x "$dir/$name" ] || g++ -std=c++20 -O1 "$name.cpp" -o "$dir/$name" -pthread "$@" || return
    echo "$name:"
    tiered "$dir/$name"
    echo "status $?"
}

run() {
    export OMP_NUM_THREADS=8
    program openmp -fopenmp <<'CPP'
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>
#include <omp.h>
int main() {
    long sum = 0; std::vector<std::string> all;
    #pragma omp declare reduction(join : std::vector<std::string> : omp_out.insert(omp_out.end(), omp_in.begin(), omp_in.end()))
    #pragma omp parallel for reduction(+ : sum) reduction(join : all) schedule(dynamic, 7)
    for (int i = 0; i < 20000; ++i) { char* p = static_cast<char*>(malloc(i % 5000 + 1)); p[0] = 1; sum += p[0]; free(p); all.push_back(std::to_string(i)); }
    long bytes = 0; for (const auto& s : all) bytes += static_cast<long>(s.size());
    #pragma omp parallel
    #pragma omp single
    for (int i = 0; i < 2000; ++i)
        #pragma omp task firstprivate(i)
        { std::vector<int> v(i + 1, 1);
          #pragma omp atomic
          sum += v[i]; }
    void* const aligned = omp_alloc(1000, omp_default_mem_alloc); omp_free(aligned, omp_default_mem_alloc);
    std::printf("%ld %zu %ld\n", sum, all.size(), bytes);
}
CPP
    program exceptions <<'CPP'
#include <exception>
#include <future>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>
struct Deep : std::runtime_error { std::vector<int> more; explicit Deep(int n) : std::runtime_error(std::string(500, 'x') + std::to_string(n)), more(n, n) {} };
int dig(int n, int depth) { std::vector<int> v(depth + 1); try { if (depth == 0) throw Deep(n); return dig(n, depth - 1) + v[0]; } catch (const std::logic_error&) { return 0; } }
int main() {
    std::vector<std::future<int>> futures;
    for (int i = 0; i < 200; ++i) futures.push_back(std::async(i % 8 ? std::launch::deferred : std::launch::async, [i] { return dig(i, 50); }));
    long sum = 0;
    for (auto& f : futures) try { f.get(); } catch (const Deep& e) { sum += static_cast<long>(e.more.size()) + static_cast<long>(std::string(e.what()).size()); }
    std::exception_ptr kept; try { try { throw Deep(3); } catch (...) { std::throw_with_nested(std::logic_error("outer")); } } catch (...) { kept = std::current_exception(); }
    try { std::rethrow_exception(kept); } catch (const std::exception& e) { std::cout << e.what() << ' '; try { std::rethrow_if_nested(e); } catch (const Deep& d) { std::cout << d.more.size(); } }
    try { new char[static_cast<std::size_t>(-1) / 4]; } catch (const std::bad_alloc& e) { std::cout << ' ' << e.what(); }
    std::cout << ' ' << sum << '\n';
    std::set_terminate([] { std::cout << "terminated" << std::endl; std::_Exit(6); });
    throw Deep(1);
}
CPP
    program threads <<'CPP'
#include <atomic>
#include <condition_variable>
#include <deque>
#include <iostream>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>
thread_local std::vector<std::unique_ptr<int>> local;
struct AtEnd { std::string text = std::string(1000, 'e'); ~AtEnd() { text += text; } };
thread_local AtEnd at_end;
int main() {
    std::mutex mutex; std::condition_variable ready; std::deque<std::shared_ptr<std::vector<int>>> queue; bool done = false; std::atomic<long> sum{0};
    std::vector<std::jthread> consumers;
    for (int t = 0; t < 4; ++t) consumers.emplace_back([&] { at_end.text += "x"; for (;;) { std::unique_lock lock(mutex); ready.wait(lock, [&] { return done || !queue.empty(); });
        if (queue.empty()) return; auto item = std::move(queue.front()); queue.pop_front(); lock.unlock(); sum += static_cast<long>(item->size()); local.push_back(std::make_unique<int>(1)); } });
    for (int i = 0; i < 20000; ++i) { auto item = std::make_shared<std::vector<int>>(i % 300); { std::lock_guard lock(mutex); queue.push_back(item); } ready.notify_one(); }
    { std::lock_guard lock(mutex); done = true; } ready.notify_all(); consumers.clear();
    std::cout << sum << '\n';
}
CPP
    program lto -flto -O2 <<'CPP'
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
struct alignas(64) Line { char bytes[64]; };
int main() {
    long sum = 0;
    for (int i = 1; i < 3000; ++i) {
        Line* lines = new Line[i]; sum += reinterpret_cast<unsigned long>(lines) % 64; delete[] lines;
        void* odd = operator new(i, std::align_val_t{4096}); sum += reinterpret_cast<unsigned long>(odd) % 4096; operator delete(odd, std::align_val_t{4096});
        char* text = strdup("text"); text = static_cast<char*>(realloc(text, i * 10)); sum += strncmp(text, "text", 4); free(text);
        void* zeroed = calloc(i, 7); sum += static_cast<char*>(zeroed)[i * 7 - 1]; free(zeroed);
    }
    std::printf("%ld %d\n", sum, new (std::nothrow) char[1UL << 62] == nullptr);
}
CPP
    program coroutines -fcoroutines <<'CPP'
#include <coroutine>
#include <iostream>
#include <vector>
struct Numbers { struct promise_type { int value; Numbers get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; } std::suspend_always initial_suspend() { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; } std::suspend_always yield_value(int v) { value = v; return {}; } void return_void() {} void unhandled_exception() { throw; } }; std::coroutine_handle<promise_type> handle; };
Numbers count(int from) { std::vector<int> kept(from + 100); for (int i = from;; ++i) { kept[i % kept.size()] = i; co_yield kept[i % kept.size()]; } }
int main() { long sum = 0; std::vector<Numbers> all; for (int i = 0; i < 3000; ++i) all.push_back(count(i)); for (int r = 0; r < 5; ++r) for (auto& n : all) { n.handle.resume(); sum += n.handle.promise().value; } for (auto& n : all) n.handle.destroy(); std::cout << sum << '\n'; }
CPP
    program profiled -pg --coverage <<'CPP'
#include <cstdio>
#include <map>
int main() { std::map<int, int> m; for (int i = 0; i < 30000; ++i) m[i * 7919 % 10007] += i; std::printf("%zu\n", m.size()); }
CPP
    ls gmon.out "$dir"/profiled*.gcda | xargs -n1 basename
    # Operators of the program's own, and a malloc of its own: both keep theirs.
    program own_operators <<'CPP'
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>
long count = 0;
void* operator new(std::size_t size) { ++count; if (void* p = std::malloc(size)) return p; throw std::bad_alloc(); }
void operator delete(void* p) noexcept { --count; std::free(p); }
void operator delete(void* p, std::size_t) noexcept { --count; std::free(p); }
int main() { { std::string s(1000, 'a'), t = s + s; std::printf("%ld\n", count); } std::printf("%ld\n", count); }
CPP
}
