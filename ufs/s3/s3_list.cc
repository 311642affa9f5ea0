// Listing, and what becomes of keys that cannot be file names: doc/s3.md.

#include <algorithm>

#include "base/log.h"
#include "base/strings.h"
#include "s3wire/xml.h"
#include "ufs/s3/attributes.h"
#include "ufs/s3/markers.h"
#include "ufs/s3/names.h"
#include "ufs/s3/s3_ufs.h"
#include "ufs/shared/call.h"

namespace tarn::ufs::s3 {
namespace {

constexpr size_t kPageKeys = 1000;
constexpr int64_t kNsPerSecond = 1'000'000'000;

// The directory that such a marker stands for; empty: it is none. One with bytes is a file.
std::string_view DirectoryOfFolderMarker(std::string_view part, const KeyPage::Entry& entry) {
  const bool marker = entry.object && entry.object->size_bytes == uint64_t{0} &&
                      part.size() > kFolderMarker.size() && part.ends_with(kFolderMarker);
  return marker ? part.substr(0, part.size() - kFolderMarker.size()) : std::string_view();
}

// Ceph answers AccessDenied to keys that it does not know, too, and lists the buckets of every user
// that it knows. Its requests have ids of this form.
Status CheckKeysKnown(const S3UnderFileSystem& ufs, const std::string& denial,
                      const CallOptions& call) {
  if (denial.find("(request tx0") == denial.npos) return OkStatus();
  S3Call list = ufs.NewCall("list the buckets beside", "GET", "");
  list.key.clear();
  list.of_store = true;
  if (ufs.RunOne(list, call).code() != Code::kPermission) return OkStatus();
  return Status(Code::kPermission,
                Concat(denial, "; nor may the buckets of its user be listed: check the keys, or ",
                       "allow s3:ListBucket"));
}

}  // namespace

// Whether a directory of the object's name follows, on this page or behind its end.
Result<bool> S3UnderFileSystem::IsHiddenByDirectory(const KeyPage& raw, std::string_view full_key,
                                                    const CallOptions& call) {
  const std::string as_directory = Concat(full_key, "/");
  if (raw.Has(as_directory)) return true;
  if (!raw.truncated || raw.entries.back().full_key >= as_directory) return false;
  ASSIGN_OR_RETURN(const KeyPage below, pages_.Get({as_directory, "", 1}, call));
  return !below.entries.empty();
}

void S3UnderFileSystem::NoteSkipped(std::string_view full_key, std::string_view why) {
  skipped_.Note(client_->Uri(full_key), why);
}

Status S3UnderFileSystem::LookAtRoot(const CallOptions& call) {
  const Result<KeyPage> first = pages_.Get({options_.prefix, "", kPageKeys}, call);
  const std::string text = first.status().message();
  const bool denied = first.code() == Code::kPermission && text.find("AccessDenied") != text.npos;
  if (!first.ok() && !denied) {
    const bool absent = text.find("NoSuchBucket") != text.npos;
    return Status(absent ? Code::kNotFound : first.code(), text);
  }
  if (first.ok() && !first->entries.empty()) {
    for (const KeyPage::Entry& entry : first->entries) {
      if (!DirectoryOfFolderMarker(entry.full_key, entry).empty()) has_folder_markers_ = true;
    }
    return OkStatus();
  }
  if (!options_.prefix.empty()) {
    S3Call object;
    object.method = "HEAD";
    object.key = options_.prefix.substr(0, options_.prefix.size() - 1);
    object.what = Concat("look at ", client_->Uri(object.key));
    AddCustomerKey(options_, object.headers);
    if (RunOne(object, call).ok()) {
      return Status(Code::kNotDirectory,
                    Concat(client_->Uri(object.key),
                           " is an object, not a directory: mount the prefix that it is below"));
    }
  }
  if (denied) {
    if (!options_.credentials.anonymous) RETURN_IF_ERROR(CheckKeysKnown(*this, text, call));
    LogWarning(text,
               ": files can be opened by their whole names, and directories not be listed; "
               "to list them, allow s3:ListBucket");
  }
  return OkStatus();
}

// What one key of a listing is in the mount; nullopt: nothing, or nothing more than another key.
Result<std::optional<ObjectInfo>> S3UnderFileSystem::InfoOfEntry(const std::string& prefix,
                                                                 const KeyPage& raw,
                                                                 const KeyPage::Entry& entry,
                                                                 const CallOptions& call) {
  std::optional<ObjectInfo> none;
  std::string_view part = std::string_view(entry.full_key).substr(prefix.size());
  if (part.empty()) return none;  // The directory's own marker.
  bool directory = !entry.object;
  if (directory) part.remove_suffix(1);
  if (const std::string_view marked = DirectoryOfFolderMarker(part, entry); !marked.empty()) {
    has_folder_markers_ = true;
    if (raw.Has(Concat(prefix, marked, "/"))) return none;
    directory = true;
    part = marked;
  }
  const std::optional<std::string> name = NameOfPart(part);
  if (!name) {
    NoteSkipped(entry.full_key, "a part of it cannot be the name of a file");
    return none;
  }
  ObjectInfo info;
  info.key = *name;
  info.type = directory ? ObjectType::kDirectory : ObjectType::kFile;
  info.mtime_ns = opened_ns_;
  info.attributes_untold = options_.keep_attributes;
  if (directory) return std::optional(info);
  ASSIGN_OR_RETURN(const bool hidden, IsHiddenByDirectory(raw, entry.full_key, call));
  if (hidden) {
    NoteSkipped(entry.full_key, "there is a directory of that name");
    return none;
  }
  info.mtime_ns = entry.object->mtime_ns;
  info.stored_s = info.mtime_ns / kNsPerSecond;
  info.size_bytes = entry.object->size_bytes.value_or(0);
  info.etag = entry.object->size_bytes ? entry.object->etag : "";
  return std::optional(info);
}

Status S3UnderFileSystem::AddEntries(std::string_view directory_key, const std::string& prefix,
                                     const KeyPage& raw, ListPage& page, const CallOptions& call) {
  for (const auto& [key, why] : raw.skipped) NoteSkipped(key, why);
  for (const KeyPage::Entry& entry : raw.entries) {
    // The next page begins with it, and tells whether a directory of its name follows.
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

// Asks each object of the page at the same time, as far as the budget of requests goes. What does
// not answer stays untold, and is asked again when it matters.
void S3UnderFileSystem::TellAttributes(ListPage& page, const CallOptions& call) {
  std::vector<S3Call> heads;
  std::vector<ObjectInfo*> asked;
  for (ObjectInfo& info : page.entries) {
    if (!info.attributes_untold) continue;
    S3Call& head = heads.emplace_back(NewCall("stat", "HEAD", ObjectKey(info.key, info.type)));
    AddCustomerKey(options_, head.headers);
    asked.push_back(&info);
  }
  client_->Run(heads, call);
  for (size_t i = 0; i < heads.size(); ++i) {
    ObjectInfo& info = *asked[i];
    const bool directory = info.type == ObjectType::kDirectory;
    // Without a marker there is nothing to be told.
    if (directory && heads[i].status.code() == Code::kNotFound) info.attributes_untold = false;
    if (!heads[i].status.ok()) continue;
    const Result<ObjectInfo> told = InfoOf(info.key, heads[i].response, call);
    if (told.ok() && (directory || told->etag == info.etag)) TakeTold(*told, info);
  }
}

Result<ListPage> S3UnderFileSystem::List(std::string_view directory_key, const ListOptions& options,
                                         const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call));
  RETURN_IF_ERROR(CheckKeyForS3(options_.prefix, directory_key));
  const std::string prefix =
      directory_key.empty() ? options_.prefix : Concat(FullKey(directory_key), "/");
  PageRequest request{prefix, "", options.page_size};
  if (!options.start_after.empty()) request.after = prefix + EncodeKey(options.start_after);
  ListPage page;
  // Again only where not one of a thousand keys was a name.
  for (;;) {
    ASSIGN_OR_RETURN(const KeyPage raw, pages_.Get(request, call));
    RETURN_IF_ERROR(AddEntries(directory_key, prefix, raw, page, call));
    if (!raw.truncated) page.next_start_after.clear();
    if (!raw.truncated || !page.entries.empty()) break;
    if (raw.entries.back().full_key <= request.after) {
      return Status(Code::kCorruption, Concat("list ", client_->Uri(prefix),
                                              ": the store repeats what it has listed"));
    }
    request.after = raw.entries.back().full_key;
  }
  RETURN_IF_ERROR(ConfirmEntries(page.entries, call));
  if (options_.attributes_on_list && options_.keep_attributes) TellAttributes(page, call);
  return page;
}

}  // namespace tarn::ufs::s3
