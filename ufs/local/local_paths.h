#pragma once

// How LocalUfs reaches objects: by descriptors below its root, following no symlink. Internal to
// ufs/.

#include <linux/stat.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/descriptor.h"
#include "base/status.h"
#include "ufs/under_file_system.h"

struct statx;

namespace tarn::ufs {

// A name in an open directory.
struct Place {
  Descriptor directory;  // O_PATH.
  std::string name;      // "." for the root itself.
  // A path by which system calls that take no directory descriptor reach it, last link not
  // followed.
  std::string ProcPath() const;
};

inline constexpr std::string_view kUploadPrefix = ".tarn-upload.";

bool IsUploadName(std::string_view name);
std::string NewUploadName();
// The key that an upload of that name beside `key` has.
std::string KeyBeside(std::string_view key, std::string_view name);

// kInvalid: not a key (empty, "." or ".." part, NUL). kNotFound, kNotDirectory: a parent is missing
// or no directory. A reserved name is never found.
Result<Place> Find(int root, std::string_view key);
// kInvalid: no key with a reserved name in it can be made.
Status CheckNotReserved(std::string_view key);
// For a key about to be made: kInvalid for a reserved name, which would never be seen again.
Result<Place> FindNew(int root, std::string_view key);
// Of Find: nothing is there, nor can be.
inline bool IsNowhere(Code code) { return code == Code::kNotFound || code == Code::kNameTooLong; }
Result<Descriptor> OpenDirectory(int root, std::string_view key);
Result<ObjectInfo> Describe(const Place& place, std::string_view key);
// Opened without following, so that nothing is set on what a symlink points to, and nothing on what
// gets the name meanwhile.
Result<Descriptor> OpenObject(const Place& place);
// The object itself, whatever has its name by now.
Result<ObjectInfo> DescribeObject(int object, std::string_view key);
// The object that was given the name, in the version that it had then (`given`): another writer may
// have written into it since. Then its identity stands for its etag, which is not known.
Result<ObjectInfo> DescribeGiven(int object, const struct statx& given, std::string_view key);
int64_t NanosOf(const struct statx_timestamp& time);
std::string EtagOf(const struct statx& st);
std::string IdentityOf(const struct statx& st);  // ObjectInfo::identity.
std::string FileOf(const struct statx& st);      // ObjectInfo::file.
Result<struct statx> StatAt(int directory, const char* name);
Result<struct statx> StatDescriptor(int fd);
uint64_t DeviceOf(const struct statx& st);
// As `st.stx_btime` where the file system knows it.
int64_t BirthNs(const struct statx& st);
Descriptor Duplicate(const Descriptor& descriptor);
// A path by which system calls reach the object that a descriptor, perhaps of O_PATH, is of.
std::string ProcPathOf(int object);
enum class LastLink { kFollow, kKeep };
Result<std::map<std::string, std::string>> ReadXattrs(const std::string& path, LastLink last);
bool IsKeptXattr(std::string_view name);

}  // namespace tarn::ufs
