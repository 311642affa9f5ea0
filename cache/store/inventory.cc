#include "cache/store/inventory.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/log.h"

namespace tarn::cache {
namespace {

// The stray files of one place. Files with ids below `unsure_below` are set aside.
struct Strays {
  void Remove(FileId file) {
    Result<std::optional<Record>> record = index.Find(file.ino);
    const bool named = record.ok() && *record && (*record)->file_id == file.value;
    if (named) return;
    Status removed = record.ok() ? RemoveOne(file) : record.status();
    if (!removed.ok()) LogWarning("remove a stray cache file: ", removed);
    left = left || !removed.ok();
  }
  Status RemoveOne(FileId file) {
    if (file.value >= unsure_below) return place.Remove(file);
    ASSIGN_OR_RETURN(where, place.SetAside(file));
    ++aside;
    return OkStatus();
  }
  void Report() const {
    if (aside == 0) return;
    LogWarning(aside, " cache files that the metadata does not know are in ", where,
               " now: they may hold bytes that the source lacks. Nothing reads them there; remove ",
               "them if no file lacks bytes");
  }

  ContentIndex& index;
  FilePlace& place;
  const uint64_t unsure_below;
  uint64_t aside = 0;
  std::string where = {};
  bool left = false;  // The next start must look at a file again.
};

}  // namespace

// Adds contents in the order of their last use, as far as the index knows it.
void Inventory::CountClean(const std::stop_token& stop) {
  struct Found {
    int64_t last_use_ns;
    InodeId ino;
    uint64_t bytes;
    size_t place;
  };
  Contents& contents = parts_.contents;
  std::vector<Found> clean;
  std::vector<InodeId> lost;
  Status read = contents.index().EachRecord([&](InodeId ino, Result<Record> record) {
    if (stop.stop_requested()) return Status(Code::kCancelled, "read the index of the cache");
    const bool good = record.ok() && contents.PlaceWithId(record->place_id) < parts_.places.size();
    if (!good || (record->state == ContentState::kClean && parts_.run.IsLost(record->sync_epoch))) {
      lost.push_back(ino);
    } else if (record->state == ContentState::kClean) {
      clean.push_back({record->last_use_ns, ino, record->allocated_bytes,
                       contents.PlaceWithId(record->place_id)});
    }
    return OkStatus();
  });
  std::sort(clean.begin(), clean.end(),
            [](const Found& a, const Found& b) { return a.last_use_ns < b.last_use_ns; });
  for (const Found& found : clean) {
    parts_.space.AddLoaded(found.place, found.ino, found.bytes, found.last_use_ns);
  }
  parts_.space.LoadEnds();
  for (const InodeId ino : lost) contents.Find(ino);  // Loading a lost content forgets it.
  if (!read.ok()) {
    if (read.code() != Code::kCancelled) LogWarning("count the contents of the cache: ", read);
    return;
  }
  parts_.run.ForgetLostEpochs();
}

// Files of earlier runs that no record names are leftovers of a crash. Where records were lost,
// such a file may be the only copy of some bytes.
void Inventory::RemoveStrays(const std::stop_token& stop) {
  const uint64_t unsure_below = parts_.run.UnsureBelow();
  bool all = true;
  for (const auto& place : parts_.places) {
    Strays strays{parts_.contents.index(), *place, unsure_below};
    Status listed = place->Each([&](FileId file) {
      const bool earlier = file.value < parts_.run.first_file_id();
      if (!stop.stop_requested() && earlier) strays.Remove(file);
    });
    if (!listed.ok()) LogWarning("look for stray cache files: ", listed);
    strays.Report();
    all = all && listed.ok() && !strays.left;
  }
  if (unsure_below == 0 || !all || stop.stop_requested()) return;
  parts_.run.ForgetUnsure();
}

}  // namespace tarn::cache
