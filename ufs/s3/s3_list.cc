// Listing, and what becomes of keys that cannot be file names: doc/s3.md.

#include <algorithm>

#include "base/strings.h"
#include "ufs/call.h"
#include "ufs/s3/names.h"
#include "ufs/s3/s3_ufs.h"
#include "ufs/s3/xml.h"

namespace tarn::ufs::s3 {
namespace {

constexpr size_t kMaxKeys = 1000;                                // More S3 does not give at once.
constexpr int kTries = 5;                                        // Of answers that are damaged.
constexpr std::string_view kLastCharacter = "\xf4\x8f\xbf\xbf";  // U+10FFFF

// What the store is asked to begin behind, to be done with a name or with all of a directory.
std::string BehindName(std::string_view prefix, std::string_view start_after) {
  if (start_after.empty()) return "";
  std::string key = Concat(prefix, EncodeKey(start_after));
  if (key.ends_with('/')) key += kLastCharacter;
  return key;
}

}  // namespace

// Objects and directories in one order, directories with their slash.
struct S3UnderFileSystem::Raw {
  struct Entry {
    std::string full_key;
    const ListedObject* object = nullptr;  // Null: a directory.
  };
  ObjectListing listing;
  std::vector<Entry> entries;
  std::string last;  // The last full key; empty: there is none.
  bool Has(std::string_view full_key) const {
    return std::binary_search(
        entries.begin(), entries.end(), Entry{std::string(full_key), nullptr},
        [](const Entry& a, const Entry& b) { return a.full_key < b.full_key; });
  }
  // What follows one of `entries` is on another page.
  bool IsCutBehind(const Entry& entry) const {
    return listing.truncated && &entry == &entries.back();
  }
};

Result<ObjectListing> S3UnderFileSystem::RunListing(S3Call& list, const CallOptions& call) const {
  for (int i = 1;; ++i) {
    RETURN_IF_ERROR(RunOne(list, call));
    Result<ObjectListing> listing = ParseObjectListing(list.response.body);
    if (listing.ok()) return listing;
    if (i == kTries) {
      return Status(listing.code(), Concat(list.what, ": ", listing.status().message()));
    }
  }
}

Result<S3UnderFileSystem::Raw> S3UnderFileSystem::ListRaw(std::string_view prefix,
                                                          std::string_view after, size_t count,
                                                          const CallOptions& call) const {
  S3Call list;
  list.method = "GET";
  list.what = Concat("list ", client_->Uri(prefix), after.empty() ? "" : Concat(" after ", after));
  list.query = {{"list-type", "2"},
                {"prefix", std::string(prefix)},
                {"delimiter", "/"},
                {"max-keys", std::to_string(std::clamp<size_t>(count, 1, kMaxKeys))},
                {"encoding-type", "url"}};
  if (!after.empty()) list.query.emplace_back("start-after", std::string(after));
  Raw raw;
  ASSIGN_OR_RETURN(raw.listing, RunListing(list, call));
  for (const ListedObject& object : raw.listing.objects)
    raw.entries.push_back({object.key, &object});
  for (const std::string& directory : raw.listing.prefixes)
    raw.entries.push_back({directory, nullptr});
  for (const Raw::Entry& entry : raw.entries) {
    if (entry.full_key.starts_with(prefix)) continue;
    return Status(Code::kCorruption, Concat(list.what, ": the store listed ", entry.full_key));
  }
  std::sort(raw.entries.begin(), raw.entries.end(),
            [](const Raw::Entry& a, const Raw::Entry& b) { return a.full_key < b.full_key; });
  if (!raw.entries.empty()) raw.last = raw.entries.back().full_key;
  return raw;
}

// Whether a directory of the object's name follows, on this page or behind its end.
Result<bool> S3UnderFileSystem::IsHiddenByDirectory(const Raw& raw, std::string_view full_key,
                                                    const CallOptions& call) const {
  const std::string as_directory = Concat(full_key, "/");
  if (raw.Has(as_directory)) return true;
  if (!raw.listing.truncated || raw.last >= as_directory) return false;
  ASSIGN_OR_RETURN(const Raw below, ListRaw(as_directory, "", 1, call));
  return !below.entries.empty();
}

void S3UnderFileSystem::NoteSkipped(std::string_view full_key, std::string_view why) {
  skipped_.Note(client_->Uri(full_key), why);
}

Status S3UnderFileSystem::AddEntries(std::string_view directory_key, const Raw& raw,
                                     std::string_view after, ListPage& page,
                                     const CallOptions& call) {
  const std::string prefix =
      directory_key.empty() ? options_.prefix : Concat(FullKey(directory_key), "/");
  for (const Raw::Entry& entry : raw.entries) {
    std::string_view part = std::string_view(entry.full_key).substr(prefix.size());
    const bool directory = entry.object == nullptr;
    // The directory's own marker; and, from some stores, the one that was begun behind.
    const bool marker = !directory && part.empty();
    if (marker || (directory && after.starts_with(entry.full_key))) continue;
    if (directory) part.remove_suffix(1);
    const std::optional<std::string> name = NameOfPart(part);
    if (!name) {
      NoteSkipped(entry.full_key, "a part of it cannot be the name of a file");
      continue;
    }
    if (!directory) {
      // The next page begins with it, and tells whether a directory of its name follows.
      if (raw.IsCutBehind(entry) && !page.entries.empty()) return OkStatus();
      ASSIGN_OR_RETURN(const bool hidden, IsHiddenByDirectory(raw, entry.full_key, call));
      if (hidden) {
        NoteSkipped(entry.full_key, "there is a directory of that name");
        continue;
      }
    }
    ObjectInfo& info = page.entries.emplace_back();
    info.key = directory_key.empty() ? *name : Concat(directory_key, "/", *name);
    info.type = directory ? ObjectType::kDirectory : ObjectType::kFile;
    info.mtime_ns = directory ? opened_ns_ : entry.object->mtime_ns;
    page.next_start_after = directory ? Concat(*name, "/") : *name;
    if (directory) continue;
    info.size_bytes = entry.object->size_bytes;
    info.etag = entry.object->etag;
  }
  return OkStatus();
}

Result<ListPage> S3UnderFileSystem::List(std::string_view directory_key, const ListOptions& options,
                                         const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call));
  RETURN_IF_ERROR(CheckKeyForS3(options_.prefix, directory_key));
  const std::string prefix =
      directory_key.empty() ? options_.prefix : Concat(FullKey(directory_key), "/");
  std::string after = BehindName(prefix, options.start_after);
  ListPage page;
  // Again only where not one of a thousand keys was a name.
  for (;;) {
    ASSIGN_OR_RETURN(const Raw raw, ListRaw(prefix, after, options.page_size, call));
    RETURN_IF_ERROR(AddEntries(directory_key, raw, after, page, call));
    if (!raw.listing.truncated) {
      page.next_start_after.clear();
      return page;
    }
    if (!page.entries.empty()) return page;
    if (raw.last.empty() || raw.last <= after) {
      return Status(Code::kCorruption, Concat("list ", client_->Uri(prefix),
                                              ": the store says there is more and gives none"));
    }
    after = raw.last.ends_with('/') ? Concat(raw.last, kLastCharacter) : raw.last;
  }
}

}  // namespace tarn::ufs::s3
