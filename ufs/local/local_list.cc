// Listing a local directory: read once, sorted, and paged through.

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/strings.h"
#include "ufs/local/local_ufs.h"

namespace tarn::ufs {
namespace {

constexpr size_t kKeptListings = 4;
constexpr Nanos kListingAge = std::chrono::minutes(1);
constexpr size_t kNamesPerCheck = 4096;

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};
using DirectoryStream = std::unique_ptr<DIR, CloseDirectory>;

Result<DirectoryStream> OpenStream(int root, std::string_view key) {
  ASSIGN_OR_RETURN(Descriptor directory, OpenDirectory(root, key));
  const int readable = openat(directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (readable < 0) return ErrnoStatus(errno, Concat("list \"", key, "\""));
  DIR* stream = fdopendir(readable);
  if (stream == nullptr) {
    const int error = errno;
    close(readable);
    return ErrnoStatus(error, Concat("list \"", key, "\""));
  }
  return DirectoryStream(stream);
}

bool IsDirectory(DIR* stream, const dirent& entry) {
  if (entry.d_type != DT_UNKNOWN) return entry.d_type == DT_DIR;
  Result<struct statx> st = StatAt(dirfd(stream), entry.d_name);
  return st.ok() && S_ISDIR(st->stx_mode);
}

void Append(LocalListing* listing, std::string_view name, bool directory) {
  listing->offsets.push_back(static_cast<uint32_t>(listing->names.size()));
  listing->names.append(name);
  if (directory) listing->names.push_back('/');
  listing->names.push_back('\0');
}

bool IsListed(std::string_view name) { return name != "." && name != ".." && !IsUploadName(name); }

std::string_view WithoutSlash(std::string_view name) {
  if (name.ends_with('/')) name.remove_suffix(1);
  return name;
}

std::string Join(std::string_view directory_key, std::string_view name) {
  return directory_key.empty() ? std::string(name) : Concat(directory_key, "/", name);
}

}  // namespace

Result<LocalUfs::ListingPtr> LocalUfs::ReadListing(std::string_view directory_key,
                                                   const CallOptions& call) {
  ASSIGN_OR_RETURN(DirectoryStream stream, OpenStream(root_.get(), directory_key));
  auto listing = std::make_shared<LocalListing>();
  listing->directory_key = std::string(directory_key);
  listing->fresh_until = Deadline::After(SystemClock(), kListingAge);
  for (;;) {
    if (listing->offsets.size() % kNamesPerCheck == 0) RETURN_IF_ERROR(CheckCall(call));
    errno = 0;
    const dirent* entry = readdir(stream.get());
    if (entry == nullptr && errno != 0) {
      return ErrnoStatus(errno, Concat("list \"", directory_key, "\""));
    }
    if (entry == nullptr) break;
    if (!IsListed(entry->d_name)) continue;
    if (listing->names.size() > UINT32_MAX - 512) {
      return Status(Code::kTooBig, Concat("list \"", directory_key, "\": over 4 GiB of names"));
    }
    Append(listing.get(), entry->d_name, IsDirectory(stream.get(), *entry));
  }
  listing->names.shrink_to_fit();
  listing->offsets.shrink_to_fit();
  const char* names = listing->names.c_str();
  std::sort(listing->offsets.begin(), listing->offsets.end(),
            [names](uint32_t a, uint32_t b) { return strcmp(names + a, names + b) < 0; });
  return ListingPtr(std::move(listing));
}

// A first page reads anew; later ones use what the first has read, unless that is long ago.
Result<LocalUfs::ListingPtr> LocalUfs::ListingFor(std::string_view directory_key,
                                                  const ListOptions& options,
                                                  const CallOptions& call) {
  {
    MutexLock lock(listings_mutex_);
    const MonotonicTime now = SystemClock().Now();
    std::erase_if(listings_,
                  [now](const ListingPtr& kept) { return kept->fresh_until.PassedBy(now); });
    for (const ListingPtr& kept : listings_) {
      if (options.start_after.empty()) break;
      if (kept->directory_key == directory_key) return kept;
    }
  }
  ASSIGN_OR_RETURN(ListingPtr listing, ReadListing(directory_key, call));
  if (listing->offsets.size() > options.page_size) {
    MutexLock lock(listings_mutex_);
    std::erase_if(listings_,
                  [&](const ListingPtr& kept) { return kept->directory_key == directory_key; });
    listings_.push_front(listing);
    if (listings_.size() > kKeptListings) listings_.pop_back();
  }
  return listing;
}

Result<ListPage> LocalUfs::List(std::string_view directory_key, const ListOptions& options,
                                const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call));
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
    RETURN_IF_ERROR(CheckCall(call));
    place.name = std::string(WithoutSlash(listing->NameAt(at)));
    Result<ObjectInfo> info = Describe(place, Join(directory_key, place.name));
    if (info.code() == Code::kNotFound) continue;  // Gone since the directory was read.
    if (!info.ok()) return info.status();
    page.entries.push_back(std::move(info).value());
  }
  if (end < offsets.size()) {
    page.next_start_after = std::string(listing->NameAt(end - 1));
    return page;
  }
  MutexLock lock(listings_mutex_);
  listings_.remove(listing);
  return page;
}

namespace {

// Names in the directory; null at its end.
Result<const dirent*> NextEntry(DIR* stream, std::string_view directory_key) {
  errno = 0;
  const dirent* entry = readdir(stream);
  if (entry == nullptr && errno != 0) {
    return ErrnoStatus(errno, Concat("list \"", directory_key, "\""));
  }
  return entry;
}

// A place where this process may not look, or which has no key, holds no upload of its making.
bool HoldsNoUploads(Code code) {
  return code == Code::kNotFound || code == Code::kNotDirectory || code == Code::kPermission ||
         code == Code::kNameTooLong;
}

}  // namespace

// One directory is open at a time, however deep the tree.
Status LocalUfs::FindUploads(const std::string& directory_key, const CallOptions& call,
                             std::vector<PendingUpload>* found,
                             std::vector<std::string>* directories) {
  ASSIGN_OR_RETURN(DirectoryStream stream, OpenStream(root_.get(), directory_key));
  for (;;) {
    RETURN_IF_ERROR(CheckCall(call));
    ASSIGN_OR_RETURN(const dirent* entry, NextEntry(stream.get(), directory_key));
    if (entry == nullptr) return OkStatus();
    const std::string_view name = entry->d_name;
    const std::string key = Join(directory_key, name);
    if (!IsUploadName(name)) {
      if (IsListed(name) && IsDirectory(stream.get(), *entry)) directories->push_back(key);
      continue;
    }
    Result<struct statx> st = StatAt(dirfd(stream.get()), entry->d_name);
    if (!st.ok() || S_ISDIR(st->stx_mode) || IsHeld(key)) continue;
    found->push_back({directory_key, key, BirthNs(*st)});
  }
}

Result<std::vector<PendingUpload>> LocalUfs::ListUploads(const CallOptions& call) {
  std::vector<PendingUpload> found;
  std::vector<std::string> directories = {""};
  while (!directories.empty()) {
    const std::string directory_key = std::move(directories.back());
    directories.pop_back();
    const Status status = FindUploads(directory_key, call, &found, &directories);
    if (!status.ok() && (directory_key.empty() || !HoldsNoUploads(status.code()))) return status;
  }
  return found;
}

// Uploads that nobody here holds would keep a directory from being removed that has nothing else.
Status LocalUfs::RemoveLeftovers(std::string_view directory_key) {
  ASSIGN_OR_RETURN(DirectoryStream stream, OpenStream(root_.get(), directory_key));
  std::vector<std::string> leftovers;
  for (;;) {
    ASSIGN_OR_RETURN(const dirent* entry, NextEntry(stream.get(), directory_key));
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (!IsUploadName(name) || IsHeld(Join(directory_key, name))) {
      return Status(Code::kNotEmpty, Concat("remove directory ", directory_key));
    }
    leftovers.emplace_back(name);
  }
  const OwnerAccess::Grant grant(access_, dirfd(stream.get()), kChangeNames);
  for (const std::string& name : leftovers) {
    if (unlinkat(dirfd(stream.get()), name.c_str(), 0) != 0 && errno != ENOENT) {
      return ErrnoStatus(errno, Concat("remove leftover upload ", name));
    }
  }
  return OkStatus();
}

}  // namespace tarn::ufs
