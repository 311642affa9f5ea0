#pragma once

// How a LocalUfs reaches objects: by descriptors below its root, following no symlink. Functions
// without a state.

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
  // A path for system calls that take no directory descriptor. They must not follow the last link.
  std::string ProcPath() const;
};

inline constexpr std::string_view kUploadPrefix = ".tarn-upload.";

bool IsUploadName(std::string_view name);
// The key of a name beside `key`, in the same directory.
std::string KeyBeside(std::string_view key, std::string_view name);
std::string KeyIn(std::string_view directory_key, std::string_view name);

// kInvalid: no key (empty, "." or ".." part, NUL). kNotFound: a parent is missing, or the name is
// reserved. kNotDirectory: a parent is no directory.
Result<Place> Find(int root, std::string_view key);
// Find for a new object. kInvalid: a name in the key is reserved, so the object could not be found
// again.
Result<Place> FindNew(int root, std::string_view key);
// kInvalid: a name in the key is reserved.
Status CheckNotReserved(std::string_view key);
// A code of Find: nothing is there, nor can be.
inline bool IsNowhere(Code code) { return code == Code::kNotFound || code == Code::kNameTooLong; }
Result<Descriptor> OpenDirectory(int root, std::string_view key);
Result<ObjectInfo> Describe(const Place& place, std::string_view key);
// Pins the object itself: later changes reach neither the target of a symlink nor an object that
// gets the name meanwhile.
Result<Descriptor> OpenObject(const Place& place);
// Describes the object itself. Another one may have its name by now.
Result<ObjectInfo> DescribeObject(int object, std::string_view key);
// Describes the object that got the name, in the version `given` that it had then. If another
// writer has written into it since, the ETag of that version is unknown: its identity stands for
// it.
Result<ObjectInfo> DescribeGiven(int object, const struct statx& given, std::string_view key);
int64_t NanosOf(const struct statx_timestamp& time);
std::string EtagOf(const struct statx& st);
std::string IdentityOf(const struct statx& st);  // ObjectInfo::identity.
std::string FileOf(const struct statx& st);      // ObjectInfo::file.
Result<struct statx> StatAt(int directory, const char* name);
Result<struct statx> StatDescriptor(int fd);
uint64_t DeviceOf(const struct statx& st);
// Falls back on the ctime where the file system knows no birth time.
int64_t BirthNs(const struct statx& st);
Descriptor Duplicate(const Descriptor& descriptor);
// A path for system calls that do not take the descriptor itself, which may be one of O_PATH.
std::string ProcPathOf(int object);
enum class LastLink { kFollow, kKeep };
Result<std::map<std::string, std::string>> ReadXattrs(const std::string& path, LastLink last);
// ACLs and labels follow the rules of each file system, so they are not copied.
bool IsKeptXattr(std::string_view name);

}  // namespace tarn::ufs
