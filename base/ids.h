#pragma once

// Each identifier has a type of its own, so that an inode number is never passed as a generation.
// Values.

#include <compare>
#include <cstdint>
#include <functional>

namespace tarn {

template <typename Tag, typename Rep = uint64_t>
struct Id {
  Rep value = 0;
  constexpr Id() = default;
  constexpr explicit Id(Rep v) : value(v) {}
  constexpr explicit operator bool() const { return value != 0; }  // 0 means "none".
  friend constexpr auto operator<=>(const Id&, const Id&) = default;
};

using InodeId = Id<struct InodeTag>;  // Also the FUSE node id; the root is 1.
// A version of an inode's bytes. Each commit raises it; the first is 1.
using Generation = Id<struct GenerationTag>;
using SessionId = Id<struct SessionTag>;        // A client of the coordinator. The first is 1.
using MountId = Id<struct MountTag, uint32_t>;  // A UFS in the mount table. The first is 1.

inline constexpr InodeId kRootInode{1};

// The bytes of one version of a file.
struct ContentId {
  InodeId ino;
  Generation generation;
  friend constexpr auto operator<=>(const ContentId&, const ContentId&) = default;
};

}  // namespace tarn

template <typename Tag, typename Rep>
struct std::hash<tarn::Id<Tag, Rep>> {
  size_t operator()(const tarn::Id<Tag, Rep>& id) const noexcept {
    return std::hash<Rep>()(id.value);
  }
};
