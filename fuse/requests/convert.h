#pragma once

// From the kernel's structures to those of role/, and back.

#include <sys/stat.h>

#include <cstdint>
#include <optional>

#include "fuse/front_end.h"
#include "role/types.h"

namespace tarn::fuse {

struct stat StatOf(const role::Attr& attr, const Shown& shown);
uint32_t TypeBits(role::FileType type);                 // S_IFREG, ...
std::optional<role::FileType> TypeOfMode(mode_t mode);  // Nullopt: no such type.
int64_t NanosOf(const struct timespec& time);

}  // namespace tarn::fuse
