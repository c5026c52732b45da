#include "persist/pmem2/nvdimm.hpp"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include <initializer_list>

#include "persist/flush/device_dax.hpp"
#include "persist/flush/sysfs.hpp"

namespace terrace::persist {

bool find_device(const pmem2_source& source, DevicePlace* place) {
    const bool is_device = source.kind == pmem2_source::kDeviceDax;
    const dev_t device = is_device ? source.file.st_rdev : source.file.st_dev;
    char path[PATH_MAX];
    if (!sysfs_path(path, sizeof path, "dev/%s/%u:%u", is_device ? "char" : "block", major(device),
                    minor(device)) ||
        realpath(path, place->path) == nullptr)
        return false;
    place->region = is_device ? device_dax_region(source.file) : region_in_path(place->path);
    return true;
}

bool region_number(int region, const char* what, std::uint64_t* number) {
    char path[PATH_MAX];
    return sysfs_path(path, sizeof path, "bus/nd/devices/region%d/%s", region, what) &&
           read_number(path, number);
}

bool nvdimm_of_region(int region, unsigned index, char (&name)[32]) {
    char path[PATH_MAX];
    if (!sysfs_path(path, sizeof path, "bus/nd/devices/region%d/mapping%u", region, index) ||
        !read_text(path, name, sizeof name))
        return false;
    char* const comma = strchr(name, ',');
    if (comma != nullptr)
        *comma = '\0';
    return name[0] != '\0';
}

bool nvdimm_text(const char* nvdimm, const char* what, char* text, std::size_t size) {
    // One directory per family of commands that the NVDIMM understands.
    for (const char* family : {"nfit", "papr", "cxl"}) {
        char path[PATH_MAX];
        if (sysfs_path(path, sizeof path, "bus/nd/devices/%s/%s/%s", nvdimm, family, what) &&
            read_text(path, text, size))
            return true;
        if (errno != ENOENT)
            return false;
    }
    return false;
}

}  // namespace terrace::persist
