// Uses every C++ allocator with every container, for surface_headers_test.sh: in each standard from C++11 on
// this must compile without a warning. cpp_allocators_test.cpp runs it once.
#include <fixed_allocator.h>
#include <hbw_allocator.h>
#include <memkind_allocator.h>
#include <memkind_pmr.h>
#include <pmem_allocator.h>

#include <deque>
#include <forward_list>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <scoped_allocator>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace everywhere {

template <typename T, typename Allocator>
using Rebound = typename std::allocator_traits<Allocator>::template rebind_alloc<T>;

// An object that can only be moved.
struct Sole {
    explicit Sole(int number) : value(new int(number)) {}
    std::unique_ptr<int> value;
};

struct alignas(128) Wide {
    int value;
};

// Fills containers over the allocator; true when they hold what was put in.
template <typename Allocator>
bool holds_what_is_put_in(const Allocator& allocator) {
    using String = std::basic_string<char, std::char_traits<char>, Rebound<char, Allocator>>;
    using Pair = std::pair<const int, String>;
    bool right = true;

    std::vector<int, Rebound<int, Allocator>> numbers{Rebound<int, Allocator>(allocator)};
    for (int i = 0; i < 1000; ++i)
        numbers.push_back(i);
    right = right && numbers[999] == 999;

    std::vector<Sole, Rebound<Sole, Allocator>> soles{Rebound<Sole, Allocator>(allocator)};
    for (int i = 0; i < 10; ++i)
        soles.emplace_back(i);
    right = right && *soles[9].value == 9;

    std::vector<Wide, Rebound<Wide, Allocator>> wide{Rebound<Wide, Allocator>(allocator)};
    wide.resize(3);
    right = right && reinterpret_cast<std::size_t>(wide.data()) % alignof(Wide) == 0;

    std::deque<int, Rebound<int, Allocator>> queue(numbers.begin(), numbers.end(),
                                                   Rebound<int, Allocator>(allocator));
    std::list<int, Rebound<int, Allocator>> list(numbers.begin(), numbers.end(),
                                                 Rebound<int, Allocator>(allocator));
    std::forward_list<int, Rebound<int, Allocator>> forward(numbers.begin(), numbers.end(),
                                                            Rebound<int, Allocator>(allocator));
    list.sort(std::greater<int>());
    forward.reverse();
    right = right && queue.back() == 999 && list.front() == 999 && forward.front() == 999;

    std::set<int, std::less<int>, Rebound<int, Allocator>> set{std::less<int>(),
                                                               Rebound<int, Allocator>(allocator)};
    set.insert(numbers.begin(), numbers.end());
    right = right && set.size() == 1000;

    const String text("a text that is too long to be inside of the string",
                      Rebound<char, Allocator>(allocator));
    std::map<int, String, std::less<int>, Rebound<Pair, Allocator>> map{std::less<int>(),
                                                                        Rebound<Pair, Allocator>(allocator)};
    std::unordered_map<int, String, std::hash<int>, std::equal_to<int>, Rebound<Pair, Allocator>> hashed(
        16, std::hash<int>(), std::equal_to<int>(), Rebound<Pair, Allocator>(allocator));
    for (int i = 0; i < 100; ++i) {
        map.emplace(i, text);
        hashed.emplace(i, text);
    }
    right = right && map.find(99)->second == text && hashed.find(99)->second == text;

    using Scoped = std::scoped_allocator_adaptor<Rebound<String, Allocator>>;
    std::vector<String, Scoped> scoped{Scoped(Rebound<String, Allocator>(allocator))};
    scoped.emplace_back("another text that is too long to be inside of the string");
    scoped.push_back(text);
    right = right && scoped[1] == text && scoped[0].get_allocator() == scoped[1].get_allocator();

    const std::shared_ptr<Wide> shared = std::allocate_shared<Wide>(allocator);
    shared->value = 7;

    // Copies, moves, swaps; and what was moved from is used again.
    auto copied = numbers;
    auto moved = std::move(numbers);
    right = right && copied == moved;
    numbers.clear();
    numbers.push_back(1);
    numbers.swap(copied);
    right = right && numbers.size() == 1000 && copied.size() == 1;
    copied = std::move(numbers);
    numbers.assign(5, 5);
    moved = numbers;
    return right && copied.size() == 1000 && moved.size() == 5 && moved.back() == 5;
}

bool every_allocator(const char* directory) {
    static char buffer[4 << 20];
    return holds_what_is_put_in(libmemkind::static_kind::allocator<int>(libmemkind::kinds::REGULAR)) &&
           holds_what_is_put_in(libmemkind::pmem::allocator<int>(directory, 64 << 20)) &&
           holds_what_is_put_in(libmemkind::fixed::allocator<int>(buffer, sizeof buffer)) &&
           holds_what_is_put_in(hbw::allocator<int>()) &&
           holds_what_is_put_in(terrace::allocator<int>(MEMKIND_DEFAULT));
}

}  // namespace everywhere
