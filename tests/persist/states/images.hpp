// The images of the file that a power loss at one point can leave: for each unit in flight a choice of what of it
// reached the medium. All of them are legal; far too many to try all, so: nothing, everything, each page and each
// unit alone present and alone missing, older versions, lines torn between words, all subsets when there are
// few units, and then random ones.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "tests/persist/states/trace.hpp"

namespace terrace::persist::states {

// Of flight `flight`: version `version`, but of a line only the words in `words`; the rest is of the version before.
struct Choice {
    uint32_t flight;
    uint32_t version;
    uint32_t words;

    static constexpr uint32_t kWhole = 0xff;
};

struct Image {
    uint64_t file_bytes;
    std::vector<Choice> choices;  // units not named here hold what is guaranteed
};

// What is tried in any case, in no particular order except that nothing and everything come first.
std::vector<Image> methodical_images(const Point& point, uint64_t unit);
Image random_image(const Point& point, uint64_t unit, std::mt19937_64& random);

// The content that the choice gives its unit; `durable` is the guaranteed one.
std::string content_of(const Choice& choice, const Flight& flight, const std::string& durable);

std::string describe(const Image& image, const Point& point);

}  // namespace terrace::persist::states
