#include "tests/persist/states/images.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace terrace::persist::states {
namespace {

constexpr size_t kFew = 8;         // units of which all subsets are tried
constexpr size_t kMostAlone = 48;  // units that are tried one by one; of more, so many spread evenly

uint32_t latest(const Flight& flight) {
    return static_cast<uint32_t>(flight.versions.size() - 1);
}

Choice whole(const Point& point, size_t flight) {
    return {static_cast<uint32_t>(flight), latest(point.in_flight[flight]), Choice::kWhole};
}

// Groups of flights: page by page, or one by one.
std::vector<std::vector<size_t>> groups_of(const Point& point, uint64_t bytes) {
    std::vector<std::vector<size_t>> groups;
    uint64_t last = UINT64_MAX;
    for (size_t i = 0; i < point.in_flight.size(); ++i) {
        const uint64_t group = point.in_flight[i].offset / bytes;
        if (groups.empty() || group != last)
            groups.emplace_back();
        groups.back().push_back(i);
        last = group;
    }
    return groups;
}

class Methodical {
  public:
    Methodical(const Point& point, uint64_t unit) : point_(point), unit_(unit) {}

    std::vector<Image> list() {
        const size_t count = point_.in_flight.size();
        add(point_.durable_bytes, {});
        add(all());
        if (point_.durable_bytes != point_.file_bytes)
            add(point_.file_bytes, {});
        if (count == 0)
            return std::move(images_);
        if (count <= kFew)
            subsets();
        alone(groups_of(point_, kPage));
        alone(groups_of(point_, unit_));
        older_versions();
        if (unit_ == kLine)
            torn_lines();
        return std::move(images_);
    }

  private:
    void add(uint64_t file_bytes, std::vector<Choice> choices) {
        images_.push_back({file_bytes, std::move(choices)});
    }
    void add(std::vector<Choice> choices) { add(point_.file_bytes, std::move(choices)); }

    std::vector<Choice> all() const {
        std::vector<Choice> choices;
        for (size_t i = 0; i < point_.in_flight.size(); ++i)
            choices.push_back(whole(point_, i));
        return choices;
    }

    void subsets() {
        for (uint32_t set = 1; set + 1 < 1u << point_.in_flight.size(); ++set) {
            std::vector<Choice> choices;
            for (size_t i = 0; i < point_.in_flight.size(); ++i) {
                if ((set >> i & 1) != 0)
                    choices.push_back(whole(point_, i));
            }
            add(std::move(choices));
        }
    }

    void alone(const std::vector<std::vector<size_t>>& groups) {
        const size_t step = std::max<size_t>(1, groups.size() / kMostAlone);
        for (size_t g = 0; g < groups.size(); g += step) {
            std::vector<Choice> present;
            for (size_t i : groups[g])
                present.push_back(whole(point_, i));
            add(present);
            std::vector<Choice> missing;
            for (size_t i = 0; i < point_.in_flight.size(); ++i) {
                if (!std::binary_search(groups[g].begin(), groups[g].end(), i))
                    missing.push_back(whole(point_, i));
            }
            add(std::move(missing));
        }
    }

    // A unit at an older version, with all others as they are now, and with none of them.
    void add_with_and_without_others(Choice choice) {
        add({choice});
        std::vector<Choice> choices = all();
        choices[choice.flight] = choice;
        add(std::move(choices));
    }

    void older_versions() {
        std::vector<Choice> first;
        for (size_t i = 0; i < point_.in_flight.size(); ++i)
            first.push_back({static_cast<uint32_t>(i), 0, Choice::kWhole});
        add(std::move(first));
        for (size_t i = 0; i < point_.in_flight.size(); ++i) {
            const uint32_t versions = latest(point_.in_flight[i]);
            for (uint32_t version = versions > 4 ? versions - 4 : 0; version < versions; ++version)
                add_with_and_without_others({static_cast<uint32_t>(i), version, Choice::kWhole});
        }
    }

    // The first words of a line, the last ones, and each alone.
    void torn_lines() {
        const size_t step = std::max<size_t>(1, point_.in_flight.size() / kMostAlone);
        for (size_t i = 0; i < point_.in_flight.size(); i += step) {
            const auto flight = static_cast<uint32_t>(i);
            const uint32_t version = latest(point_.in_flight[i]);
            for (uint32_t words = 1; words < 8; ++words) {
                add_with_and_without_others({flight, version, (1u << words) - 1});
                add_with_and_without_others({flight, version, Choice::kWhole & ~((1u << words) - 1)});
            }
            for (uint32_t word = 1; word < 7; ++word)
                add({{flight, version, 1u << word}});
        }
    }

    const Point& point_;
    const uint64_t unit_;
    std::vector<Image> images_;
};

}  // namespace

std::vector<Image> methodical_images(const Point& point, uint64_t unit) {
    return Methodical(point, unit).list();
}

Image random_image(const Point& point, uint64_t unit, std::mt19937_64& random) {
    Image image{random() % 8 == 0 ? point.durable_bytes : point.file_bytes, {}};
    const uint64_t eighths = 1 + random() % 7;  // how much reached the medium
    for (size_t i = 0; i < point.in_flight.size(); ++i) {
        const uint64_t dice = random();
        if (dice % 8 >= eighths)
            continue;
        Choice choice = whole(point, i);
        if (dice >> 8 & 1 && choice.version > 0)
            choice.version = static_cast<uint32_t>((dice >> 16) % (choice.version + 1));
        if (unit == kLine && (dice >> 40) % 4 == 0)
            choice.words = static_cast<uint32_t>(dice >> 48 & Choice::kWhole);
        image.choices.push_back(choice);
    }
    return image;
}

std::string content_of(const Choice& choice, const Flight& flight, const std::string& durable) {
    const std::string& whole_version = flight.versions[choice.version];
    if (choice.words == Choice::kWhole)
        return whole_version;
    std::string content = choice.version == 0 ? durable : flight.versions[choice.version - 1];
    for (uint64_t word = 0; word < kLine / kWord; ++word) {
        if ((choice.words >> word & 1) != 0)
            memcpy(content.data() + word * kWord, whole_version.data() + word * kWord, kWord);
    }
    return content;
}

std::string describe(const Image& image, const Point& point) {
    char text[200];
    snprintf(text, sizeof text, "%s: %zu units in flight, %zu of them on the medium:", point.what.c_str(),
             point.in_flight.size(), image.choices.size());
    std::string description = text;
    size_t named = 0;
    for (const Choice& choice : image.choices) {
        const Flight& flight = point.in_flight[choice.flight];
        if (++named > 40) {
            description += " ...";
            break;
        }
        snprintf(text, sizeof text, " 0x%llx", static_cast<unsigned long long>(flight.offset));
        description += text;
        if (choice.version != latest(flight)) {
            snprintf(text, sizeof text, "(version %u of %zu)", choice.version + 1, flight.versions.size());
            description += text;
        }
        if (choice.words != Choice::kWhole) {
            snprintf(text, sizeof text, "(words 0x%02x)", choice.words);
            description += text;
        }
    }
    return description;
}

}  // namespace terrace::persist::states
