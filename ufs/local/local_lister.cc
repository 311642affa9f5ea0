#include "ufs/local/local_lister.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/strings.h"
#include "ufs/local/directory_stream.h"
#include "ufs/local/local_paths.h"

namespace tarn::ufs {
namespace {

constexpr size_t kKeptListings = 4;
constexpr Nanos kListingAge = std::chrono::minutes(1);
constexpr size_t kNamesPerCheck = 4096;

}  // namespace

// All names of a directory, sorted, kept while it is paged through.
struct LocalLister::Listing {
  std::string directory_key;
  Deadline fresh_until = Deadline::Never();
  std::string names;              // NUL after each; a directory's name ends in '/'.
  std::vector<uint32_t> offsets;  // Into `names`, in the order of the names.
  std::string_view NameAt(size_t i) const { return names.c_str() + offsets[i]; }
};

namespace {

std::string_view WithoutSlash(std::string_view name) {
  if (name.ends_with('/')) name.remove_suffix(1);
  return name;
}

}  // namespace

Result<LocalLister::ListingPtr> LocalLister::ReadListing(std::string_view directory_key,
                                                         const CallOptions& call) {
  ASSIGN_OR_RETURN(DirectoryStream stream, DirectoryStream::Open(root_.get(), directory_key));
  auto listing = std::make_shared<Listing>();
  listing->directory_key = std::string(directory_key);
  listing->fresh_until = Deadline::After(root_.clock(), kListingAge);
  for (;;) {
    if (listing->offsets.size() % kNamesPerCheck == 0) RETURN_IF_ERROR(root_.Check(call));
    ASSIGN_OR_RETURN(const dirent* entry, stream.Next());
    if (entry == nullptr) break;
    if (IsUploadName(entry->d_name)) continue;
    if (listing->names.size() > UINT32_MAX - 512) {
      return Status(Code::kTooBig, Concat("list \"", directory_key, "\": over 4 GiB of names"));
    }
    listing->offsets.push_back(static_cast<uint32_t>(listing->names.size()));
    listing->names.append(entry->d_name);
    if (stream.IsDirectory(*entry)) listing->names.push_back('/');
    listing->names.push_back('\0');
  }
  listing->names.shrink_to_fit();
  listing->offsets.shrink_to_fit();
  const char* names = listing->names.c_str();
  std::sort(listing->offsets.begin(), listing->offsets.end(),
            [names](uint32_t a, uint32_t b) { return strcmp(names + a, names + b) < 0; });
  return ListingPtr(std::move(listing));
}

Result<LocalLister::ListingPtr> LocalLister::ListingFor(std::string_view directory_key,
                                                        const ListOptions& options,
                                                        const CallOptions& call) {
  {
    MutexLock lock(mutex_);
    const MonotonicTime now = root_.clock().Now();
    std::erase_if(listings_,
                  [now](const ListingPtr& kept) { return kept->fresh_until.PassedBy(now); });
    for (const ListingPtr& kept : listings_) {
      if (options.start_after.empty()) break;
      if (kept->directory_key == directory_key) return kept;
    }
  }
  ASSIGN_OR_RETURN(ListingPtr listing, ReadListing(directory_key, call));
  if (listing->offsets.size() > options.page_size) {
    MutexLock lock(mutex_);
    std::erase_if(listings_,
                  [&](const ListingPtr& kept) { return kept->directory_key == directory_key; });
    listings_.push_front(listing);
    if (listings_.size() > kKeptListings) listings_.pop_back();
  }
  return listing;
}

Result<ListPage> LocalLister::List(std::string_view directory_key, const ListOptions& options,
                                   const CallOptions& call) {
  ASSIGN_OR_RETURN(ListingPtr listing, ListingFor(directory_key, options, call));
  const std::vector<uint32_t>& offsets = listing->offsets;
  const char* names = listing->names.c_str();
  size_t at = 0;
  if (!options.start_after.empty()) {
    auto behind = std::upper_bound(
        offsets.begin(), offsets.end(), options.start_after,
        [names](const std::string& after, uint32_t b) { return after.compare(names + b) < 0; });
    at = static_cast<size_t>(behind - offsets.begin());
  }
  Place place;
  ASSIGN_OR_RETURN(place.directory, OpenDirectory(root_.get(), directory_key));
  const size_t end = at + std::min(offsets.size() - at, std::max<size_t>(options.page_size, 1));
  ListPage page;
  for (; at < end; ++at) {
    RETURN_IF_ERROR(root_.Check(call));
    place.name = std::string(WithoutSlash(listing->NameAt(at)));
    Result<ObjectInfo> info = Describe(place, KeyIn(directory_key, place.name));
    if (info.code() == Code::kNotFound) continue;  // Gone since the directory was read.
    if (!info.ok()) return info.status();
    page.entries.push_back(std::move(info).value());
  }
  if (end < offsets.size()) {
    page.next_start_after = std::string(listing->NameAt(end - 1));
    return page;
  }
  MutexLock lock(mutex_);
  listings_.remove(listing);
  return page;
}

}  // namespace tarn::ufs
