// A bucket behind the S3 client: the outside writer acts before or after each request, so also
// between two that the client sends for one call.

#include "base/strings.h"
#include "outside/place.h"
#include "s3wire/sigv4.h"
#include "s3wire/xml.h"
#include "ufs/testing/s3_test_store.h"

namespace tarn::outside {
namespace {

using http::TestReply;
using http::TestRequest;
using ufs::s3::EtagOf;

class S3Place final : public Place, private ufs::s3::S3Store {
 public:
  S3Place() {
    options_.part_bytes = 8 << 20;
    options_.single_put_bytes = 16 << 20;
    options_.hedge.enabled = false;
    options_.payload_signing = ufs::s3::PayloadSigning::kNever;
    fault_ = [this](const http::TestRequest& request) { return std::optional(Serve(request)); };
  }
  std::unique_ptr<ufs::UnderFileSystem> Open(Points& points, Clock&) override {
    points_ = &points;
    S3Store::Open();
    return std::move(ufs_);
  }
  void Put(const std::string& key, const std::string& bytes) override {
    Remove(key);
    objects_[key] = bytes;
    meta_[key] = {{"x-amz-meta-theirs", std::to_string(++last_put_)}};
  }
  bool WriteInPlace(const std::string&, const std::string&) override { return false; }
  void Remove(const std::string& key) override {
    const auto goes = [&key](const auto& pair) {
      return pair.first == key || pair.first.starts_with(key + "/");
    };
    std::erase_if(objects_, goes);
    std::erase_if(meta_, goes);
  }
  void MakeDirectory(const std::string&) override {}
  Objects Look() override {
    Objects found;
    for (const auto& [key, bytes] : objects_) found[key] = {bytes, AttributesOf(key)};
    return found;
  }

 private:
  void TestBody() override {}
  std::string AttributesOf(const std::string& key) {
    std::string all;
    for (const auto& [name, value] : meta_[key]) all += Concat(name, "=", value, " ");
    return all;
  }
  http::TestReply Serve(const http::TestRequest& request) {
    const std::string what = request.query.empty() ? request.method : request.method + " ?";
    const Points::Call counted(
        *points_, what,
        request.path + (request.query.empty() ? "" : "?") + request.query.substr(0, 40));
    const auto source = request.headers.find("x-amz-copy-source");
    return source == request.headers.end() ? Answer(request) : Copy(request, source->second);
  }
  static std::string KeyOf(const std::string& path) {
    return sigv4::UriDecode(path).value().substr(std::string("/bucket/").size());
  }
  http::TestReply Copy(const http::TestRequest& request, const std::string& source) {
    const auto found = objects_.find(KeyOf(source));
    if (found == objects_.end()) return ufs::s3::ErrorReply(404, "NoSuchKey");
    const std::string etag = EtagOf(found->second);
    const std::string key = KeyOf(request.path);
    const auto fails = [&](const char* header, const std::string& there) {
      const auto wanted = request.headers.find(header);
      return wanted != request.headers.end() && s3wire::Unquoted(wanted->second) != there;
    };
    const auto target = objects_.find(key);
    const std::string now = target == objects_.end() ? "" : EtagOf(target->second);
    const bool refused = fails("x-amz-copy-source-if-match", etag) || fails("if-match", now) ||
                         (request.headers.contains("if-none-match") && target != objects_.end());
    if (refused) return ufs::s3::ErrorReply(412, "PreconditionFailed");
    objects_[key] = found->second;
    if (request.headers.contains("x-amz-metadata-directive") &&
        request.headers.at("x-amz-metadata-directive") == "REPLACE") {
      meta_[key].clear();
      for (const auto& [name, value] : request.headers) {
        if (name.starts_with("x-amz-meta-")) meta_[key][name] = value;
      }
    } else {
      meta_[key] = meta_[KeyOf(source)];
    }
    return {200,
            {},
            Concat("<CopyObjectResult><ETag>", s3wire::Quoted(etag),
                   "</ETag><LastModified>2013-05-24T00:00:00.000Z</LastModified>"
                   "</CopyObjectResult>")};
  }

  Points* points_ = nullptr;
  int last_put_ = 0;
};

}  // namespace

std::unique_ptr<Place> NewS3Place() { return std::make_unique<S3Place>(); }

}  // namespace tarn::outside
