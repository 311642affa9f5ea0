#include "ufs/s3/lister.h"

#include <utility>
#include <vector>

#include "base/strings.h"
#include "ufs/s3/attributes.h"
#include "ufs/s3/markers.h"
#include "ufs/s3/names.h"
#include "ufs/shared/call.h"

namespace tarn::ufs::s3 {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;

}  // namespace

// Whether a directory of the object's name follows, on this page or after its end.
Result<bool> Lister::IsHiddenByDirectory(const KeyPage& raw, std::string_view full_key,
                                         const CallOptions& call) {
  const std::string as_directory = Concat(full_key, "/");
  if (raw.Has(as_directory)) return true;
  if (!raw.truncated || raw.entries.back().full_key >= as_directory) return false;
  ASSIGN_OR_RETURN(const KeyPage below, bucket_.pages().Get({as_directory, "", 1}, call));
  return !below.entries.empty();
}

// What the mount shows for one listed key; nullopt: nothing, or another key stands for it.
Result<std::optional<ObjectInfo>> Lister::InfoOfEntry(const std::string& prefix, const KeyPage& raw,
                                                      const KeyPage::Entry& entry,
                                                      const CallOptions& call) {
  std::optional<ObjectInfo> none;
  std::string_view part = std::string_view(entry.full_key).substr(prefix.size());
  if (part.empty()) return none;  // The directory's own marker.
  bool directory = !entry.object;
  if (directory) part.remove_suffix(1);
  if (const std::string_view marked = DirectoryOfFolderMarker(part, entry); !marked.empty()) {
    bucket_.NoteFolderMarker();
    if (raw.Has(Concat(prefix, marked, "/"))) return none;
    directory = true;
    part = marked;
  }
  const std::optional<std::string> name = NameOfPart(part);
  if (!name) {
    bucket_.NoteSkipped(entry.full_key, "a part of it cannot be the name of a file");
    return none;
  }
  ObjectInfo info = bucket_.DirectoryInfo(*name);
  info.attributes_untold = bucket_.options().keep_attributes;
  if (directory) return std::optional(info);
  ASSIGN_OR_RETURN(const bool hidden, IsHiddenByDirectory(raw, entry.full_key, call));
  if (hidden) {
    bucket_.NoteSkipped(entry.full_key, "there is a directory of that name");
    return none;
  }
  info.type = ObjectType::kFile;
  info.mtime_ns = entry.object->mtime_ns;
  info.stored_s = info.mtime_ns / kNsPerSecond;
  info.size_bytes = entry.object->size_bytes.value_or(0);
  info.etag = entry.object->size_bytes ? entry.object->etag : "";
  return std::optional(info);
}

Status Lister::AddEntries(std::string_view directory_key, const std::string& prefix,
                          const KeyPage& raw, ListPage& page, const CallOptions& call) {
  for (const auto& [key, why] : raw.skipped) bucket_.NoteSkipped(key, why);
  for (const KeyPage::Entry& entry : raw.entries) {
    // The next page begins with this object, and tells whether a directory of its name follows.
    const bool cut = raw.truncated && raw.goes_on_anywhere && &entry == &raw.entries.back();
    if (cut && entry.object && !page.entries.empty()) return OkStatus();
    ASSIGN_OR_RETURN(std::optional<ObjectInfo> info, InfoOfEntry(prefix, raw, entry, call));
    if (!info) continue;
    const std::string_view part = std::string_view(entry.full_key).substr(prefix.size());
    page.next_start_after =
        entry.object ? NameOfPart(part).value_or(info->key) : Concat(info->key, "/");
    if (!directory_key.empty()) info->key = Concat(directory_key, "/", info->key);
    page.entries.push_back(*std::move(info));
  }
  return OkStatus();
}

// Asks all objects of the page at once, as far as the budget of requests goes. An object that does
// not answer keeps attributes_untold, and its reader asks again.
void Lister::TellAttributes(ListPage& page, const CallOptions& call) {
  std::vector<S3Call> heads;
  std::vector<ObjectInfo*> asked;
  for (ObjectInfo& info : page.entries) {
    if (!info.attributes_untold) continue;
    heads.push_back(bucket_.NewHead(ObjectKey(info.key, info.type)));
    asked.push_back(&info);
  }
  bucket_.Run(heads, call);
  for (size_t i = 0; i < heads.size(); ++i) {
    ObjectInfo& info = *asked[i];
    const bool directory = info.type == ObjectType::kDirectory;
    // A directory without a marker has no attributes.
    if (directory && heads[i].status.code() == Code::kNotFound) info.attributes_untold = false;
    if (!heads[i].status.ok()) continue;
    const Result<ObjectInfo> told = bucket_.InfoOf(info.key, heads[i].response, call);
    if (told.ok() && (directory || told->etag == info.etag)) TakeTold(*told, info);
  }
}

Result<ListPage> Lister::List(std::string_view directory_key, const ListOptions& options,
                              const CallOptions& call) {
  const S3Options& s3 = bucket_.options();
  RETURN_IF_ERROR(CheckKeyForS3(s3.prefix, directory_key));
  const std::string prefix =
      directory_key.empty() ? s3.prefix : Concat(bucket_.FullKey(directory_key), "/");
  PageRequest request{prefix, "", options.page_size};
  if (!options.start_after.empty()) request.after = prefix + EncodeKey(options.start_after);
  ListPage page;
  // A second turn only if no key of the page was a name.
  for (;;) {
    ASSIGN_OR_RETURN(const KeyPage raw, bucket_.pages().Get(request, call));
    RETURN_IF_ERROR(AddEntries(directory_key, prefix, raw, page, call));
    if (!raw.truncated) page.next_start_after.clear();
    if (!raw.truncated || !page.entries.empty()) break;
    if (raw.entries.back().full_key <= request.after) {
      return Status(Code::kCorruption, Concat("list ", bucket_.client().Uri(prefix),
                                              ": the store repeats what it has listed"));
    }
    request.after = raw.entries.back().full_key;
  }
  RETURN_IF_ERROR(versions_.ConfirmEntries(page.entries, call));
  if (s3.attributes_on_list && s3.keep_attributes) TellAttributes(page, call);
  return page;
}

}  // namespace tarn::ufs::s3
