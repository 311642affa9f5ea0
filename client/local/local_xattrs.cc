#include "client/local/local_xattrs.h"

#include <utility>

#include "base/strings.h"

namespace tarn::client {
namespace {

constexpr std::string_view kFacts = "tarn.";
// POSIX ACLs are among these names. They are refused, because an ACL that is stored and not
// enforced would be a lie. Programs fall back to the mode.
constexpr std::string_view kSystem = "system.";

Status Refuse(std::string_view name) {
  return Status(Code::kUnsupported, Concat("attribute ", name, ": no ACLs here"));
}

Result<std::string> Fact(const role::FileInfo& info, std::string_view name) {
  if (name == "tarn.state") return std::string(role::PersistStateName(info.attr.persist));
  if (name == "tarn.generation") return std::to_string(info.attr.generation.value);
  if (name == "tarn.ufs.key" && info.binding.mount) return info.binding.key;
  return Status(Code::kNoAttribute, Concat("get attribute ", name));
}

class LocalXattrs final : public Xattrs {
 public:
  LocalXattrs(role::Files& files, cache::CacheStore& cache, Attributes& attributes,
              std::function<void(InodeId)> on_set)
      : files_(files), cache_(cache), attributes_(attributes), on_set_(std::move(on_set)) {}

  Result<std::string> GetXattr(InodeId ino, std::string_view name) override {
    if (name.starts_with(kSystem)) return Refuse(name);
    if (!name.starts_with(kFacts)) return files_.GetXattr(ino, name);
    ASSIGN_OR_RETURN(role::FileInfo info, attributes_.GetAttr(ino));
    if (name != "tarn.cached") return Fact(info, name);
    std::optional<cache::ContentInfo> content = cache_.Find(ino);
    return std::string(!content ? "no" : content->complete ? "yes" : "partly");
  }

  Result<std::vector<std::string>> ListXattrs(InodeId ino) override {
    return files_.ListXattrs(ino);
  }

  Status SetXattr(const role::Caller& caller, InodeId ino, std::string_view name,
                  std::string_view value, role::XattrMode mode) override {
    if (name.starts_with(kSystem)) return Refuse(name);
    if (name.starts_with(kFacts)) {
      return Status(Code::kNotPermitted, Concat("set attribute ", name, ": read-only"));
    }
    RETURN_IF_ERROR(files_.SetXattr(caller, ino, name, value, mode));
    on_set_(ino);
    return OkStatus();
  }

  Status RemoveXattr(const role::Caller& caller, InodeId ino, std::string_view name) override {
    if (name.starts_with(kSystem)) return Refuse(name);
    if (name.starts_with(kFacts)) {
      return Status(Code::kNotPermitted, Concat("remove attribute ", name, ": read-only"));
    }
    return files_.RemoveXattr(caller, ino, name);
  }

 private:
  role::Files& files_;
  cache::CacheStore& cache_;
  Attributes& attributes_;
  const std::function<void(InodeId)> on_set_;
};

}  // namespace

std::unique_ptr<Xattrs> NewLocalXattrs(role::Files& files, cache::CacheStore& cache,
                                       Attributes& attributes,
                                       std::function<void(InodeId)> on_set) {
  return std::make_unique<LocalXattrs>(files, cache, attributes, std::move(on_set));
}

}  // namespace tarn::client
