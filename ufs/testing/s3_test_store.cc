#include "ufs/testing/s3_test_store.h"

#include "base/digest.h"
#include "base/mutex.h"
#include "base/strings.h"
#include "s3wire/sigv4.h"
#include "s3wire/xml.h"
#include "ufs/s3.h"

namespace tarn::ufs::s3 {
namespace {

std::string Parameter(const http::TestRequest& request, const std::string& name) {
  const std::string query = "&" + request.query;
  const size_t at = query.find("&" + name + "=");
  if (at == std::string::npos) return "";
  const size_t begin = at + name.size() + 2;
  return sigv4::UriDecode(query.substr(begin, query.find('&', begin) - begin)).value();
}

std::string HeaderOf(const http::TestRequest& request, const std::string& name) {
  const auto found = request.headers.find(name);
  return found == request.headers.end() ? "" : found->second;
}

}  // namespace

// Tests ask for the ETag of one large object many times.
std::string EtagOf(const std::string& bytes) {
  constexpr size_t kMost = 64;
  static Mutex mutex;
  static std::map<std::string, std::string> known;
  MutexLock lock(mutex);
  const auto found = known.find(bytes);
  if (found != known.end()) return found->second;
  if (known.size() >= kMost) known.clear();
  return known[bytes] = Hex(Md5(bytes));
}

http::TestReply ErrorReply(int status, const std::string& code) {
  return {status,
          {{"x-amz-request-id", "request-7"}},
          Concat("<Error><Code>", code, "</Code><Message>scripted</Message></Error>")};
}

S3Store::S3Store() {
  options_.bucket = "bucket";
  options_.credentials.access_key_id = "key";
  options_.credentials.secret_access_key = "very-secret";
  options_.http.proxy = "none";
  options_.retry = {3, std::chrono::milliseconds(1), std::chrono::seconds(20)};
  options_.part_bytes = options_.single_put_bytes = 100;
  server_ = std::make_unique<http::TestServer>([this](const http::TestRequest& request) {
    if (fault_) {
      if (std::optional<http::TestReply> reply = fault_(request)) return *reply;
    }
    return Answer(request);
  });
  options_.endpoint = server_->Url();
}

void S3Store::Open() {
  const Environment environment = [this](const std::string& name) -> std::optional<std::string> {
    const auto found = environment_.find(name);
    return found == environment_.end() ? std::nullopt : std::optional(found->second);
  };
  Result<std::unique_ptr<UnderFileSystem>> opened = OpenS3Ufs(options_, environment, clock_, {});
  ASSERT_TRUE(opened.ok()) << opened.status().ToString();
  ufs_ = std::move(opened).value();
}

Result<std::string> S3Store::Read(const std::string& key, uint64_t offset, size_t size,
                                  const std::string& etag, const CallOptions& call) {
  std::string bytes(size, '\0');
  ASSIGN_OR_RETURN(
      const size_t got,
      ufs_->Read(key, etag, offset, std::as_writable_bytes(std::span(bytes.data(), size)), call));
  return bytes.substr(0, got);
}

Result<ObjectInfo> S3Store::Put(const std::string& key, const std::string& bytes,
                                const Precondition& precondition, size_t part_bytes) {
  CreateOptions create;
  create.size_bytes = bytes.size();
  create.precondition = precondition;
  ASSIGN_OR_RETURN(std::unique_ptr<Upload> upload, ufs_->Create(key, create, {}));
  const size_t step = part_bytes == 0 ? bytes.size() : part_bytes;
  for (size_t at = 0; at < bytes.size(); at += step) {
    const size_t size = std::min(step, bytes.size() - at);
    RETURN_IF_ERROR(upload->WritePart(at, std::as_bytes(std::span(bytes.data() + at, size)), {}));
  }
  return upload->Commit({});
}

std::vector<std::string> S3Store::Pieces(const std::string& key, Extent extent,
                                         const std::string& etag, Status* ended) {
  std::vector<std::string> pieces;
  std::vector<std::byte> piece(3);
  const auto take = [&](std::span<const std::byte> bytes) {
    pieces.emplace_back(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return OkStatus();
  };
  *ended = ufs_->ReadPieces(key, etag, extent, piece, take, {}).status();
  return pieces;
}

int S3Store::CountOf(std::string_view method) const {
  int count = 0;
  for (const http::TestRequest& request : server_->Requests()) {
    if (request.method == method) ++count;
  }
  return count;
}

http::TestReply S3Store::Answer(const http::TestRequest& request) {
  std::string path = sigv4::UriDecode(request.path).value();
  const std::string root = "/bucket/";
  if (!path.starts_with(root)) return ErrorReply(404, "NoSuchBucket");
  const std::string key = path.substr(root.size());
  if (request.Asks("uploads=") || request.Asks("uploadId=")) return Multipart(request, key);
  if (key.empty()) return List(request);
  if (request.headers.contains("x-amz-copy-source")) return CopyObject(request, key);
  if (request.method == "PUT") return PutObject(request, key);
  if (request.method == "DELETE") {
    objects_.erase(key);
    return {204};
  }
  return GetObject(request, key);
}

http::TestReply S3Store::GetObject(const http::TestRequest& request, const std::string& key) {
  const auto found = objects_.find(key);
  if (found == objects_.end()) return ErrorReply(404, "NoSuchKey");
  const std::string& bytes = found->second;
  const std::string etag = EtagOf(bytes);
  const std::string wanted = HeaderOf(request, "if-match");
  if (!wanted.empty() && s3wire::Unquoted(wanted) != etag) {
    return ErrorReply(412, "PreconditionFailed");
  }
  http::TestReply reply;
  reply.headers = {{"ETag", s3wire::Quoted(etag)},
                   {"Last-Modified", "Fri, 24 May 2013 00:00:00 GMT"}};
  for (const auto& header : meta_[key]) reply.headers.push_back(header);
  if (request.method == "HEAD") {
    reply.headers.emplace_back("Content-Length", std::to_string(bytes.size()));
    return reply;
  }
  reply.body = bytes;
  const std::string range = HeaderOf(request, "range");
  if (range.empty()) return reply;
  const size_t first = std::stoul(range.substr(6));
  const size_t last = std::stoul(range.substr(range.find('-') + 1));
  if (first >= bytes.size()) return ErrorReply(416, "InvalidRange");
  reply.status = 206;
  reply.body = bytes.substr(first, last - first + 1);
  reply.headers.emplace_back(
      "Content-Range",
      Concat("bytes ", first, "-", first + reply.body.size() - 1, "/", bytes.size()));
  return reply;
}

// The copy has the metadata of its source.
http::TestReply S3Store::CopyObject(const http::TestRequest& request, const std::string& key) {
  const std::string path = sigv4::UriDecode(HeaderOf(request, "x-amz-copy-source")).value();
  const std::string source = path.substr(std::string("/bucket/").size());
  const auto found = objects_.find(source);
  if (found == objects_.end()) return ErrorReply(404, "NoSuchKey");
  const std::string wanted = HeaderOf(request, "x-amz-copy-source-if-match");
  if (!wanted.empty() && s3wire::Unquoted(wanted) != EtagOf(found->second)) {
    return ErrorReply(412, "PreconditionFailed");
  }
  const std::string bytes = found->second;
  objects_[key] = bytes;
  meta_[key] = std::map<std::string, std::string>(meta_[source]);
  return {200, {}, Concat("<CopyObjectResult><ETag>", EtagOf(bytes), "</ETag></CopyObjectResult>")};
}

http::TestReply S3Store::PutObject(const http::TestRequest& request, const std::string& key) {
  const auto found = objects_.find(key);
  if (HeaderOf(request, "if-none-match") == "*" && found != objects_.end()) {
    return ErrorReply(412, "PreconditionFailed");
  }
  const std::string wanted = HeaderOf(request, "if-match");
  if (!wanted.empty() &&
      (found == objects_.end() || EtagOf(found->second) != s3wire::Unquoted(wanted))) {
    return ErrorReply(412, "PreconditionFailed");
  }
  const std::string md5 = HeaderOf(request, "content-md5");
  if (!md5.empty() && md5 != Base64(Md5(request.body))) return ErrorReply(400, "BadDigest");
  objects_[key] = request.body;
  meta_[key].clear();
  for (const auto& [name, value] : request.headers) {
    if (name.starts_with("x-amz-meta-")) meta_[key][name] = value;
  }
  return {200, {{"ETag", s3wire::Quoted(EtagOf(request.body))}}, ""};
}

http::TestReply S3Store::Multipart(const http::TestRequest& request, const std::string& key) {
  if (request.method == "POST" && request.Asks("uploads=")) {
    upload_open_ = true;
    upload_key_ = key;
    parts_.clear();
    return {
        200,
        {},
        "<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>"};
  }
  if (request.method == "GET") {
    const std::string one = upload_open_
                                ? Concat("<Upload><Key>", upload_key_,
                                         "</Key><UploadId>u1</UploadId>"
                                         "<Initiated>2013-05-24T00:00:00Z</Initiated></Upload>")
                                : "";
    return {200, {}, Concat("<ListMultipartUploadsResult>", one, "</ListMultipartUploadsResult>")};
  }
  if (!upload_open_) return ErrorReply(404, "NoSuchUpload");
  if (request.method == "PUT") {
    parts_[std::stoi(Parameter(request, "partNumber"))] = request.body;
    return {200, {{"ETag", s3wire::Quoted(EtagOf(request.body))}}, ""};
  }
  upload_open_ = false;
  if (request.method == "DELETE") return {204};
  std::string whole;
  for (const auto& [number, bytes] : parts_) whole += bytes;
  objects_[key] = whole;
  return {200,
          {},
          Concat("<CompleteMultipartUploadResult><ETag>", EtagOf(whole),
                 "</ETag></CompleteMultipartUploadResult>")};
}

// Quirks: "version 1" (knows only `marker`), "no start-after", "empty pages" (each listing begins
// with an empty page that is not the last), "no delimiter", "no encoding" (refuses encoding-type),
// "other etags" (than HEAD and GET have), "no etags" and "says nothing of the end".
http::TestReply S3Store::List(const http::TestRequest& request) {
  const bool version_1 = Quirk("version 1");
  const std::string prefix = Parameter(request, "prefix");
  const std::string delimiter = Quirk("no delimiter") ? "" : Parameter(request, "delimiter");
  const std::string token = version_1 ? "" : Parameter(request, "continuation-token");
  std::string after = Parameter(request, version_1 ? "marker" : "start-after");
  if (Quirk("no start-after")) after.clear();
  if (!token.empty()) after = token.substr(1);
  const bool encodes = request.Asks("encoding-type=url");
  if (encodes && Quirk("no encoding")) return ErrorReply(400, "InvalidArgument");
  const size_t most = std::stoul(Parameter(request, "max-keys"));
  const size_t page = Quirk("empty pages") && token.empty() ? 0 : most;
  std::string body;
  std::string last_directory;
  std::string last = after;
  size_t count = 0;
  bool truncated = false;
  for (const auto& [key, bytes] : objects_) {
    if (!key.starts_with(prefix) || key <= after) continue;
    const size_t slash = delimiter.empty() ? std::string::npos : key.find('/', prefix.size());
    const std::string directory = slash == std::string::npos ? "" : key.substr(0, slash + 1);
    if (!directory.empty() && (directory == last_directory || directory == after)) continue;
    if (count++ == page) {
      truncated = true;
      break;
    }
    last_directory = directory;
    last = directory.empty() ? key : directory;
    const auto encoded = [&](const std::string& text) {
      return encodes ? sigv4::UriEncode(text, sigv4::Slash::kKeep) : text;
    };
    const std::string etag = Quirk("no etags")      ? ""
                             : Quirk("other etags") ? Concat("listed-", EtagOf(bytes).substr(7))
                                                    : EtagOf(bytes);
    body +=
        directory.empty()
            ? Concat("<Contents><Key>", encoded(key), "</Key><Size>", bytes.size(),
                     "</Size><LastModified>2013-05-24T00:00:00.000Z</LastModified><ETag>", etag,
                     "</ETag></Contents>")
            : Concat("<CommonPrefixes><Prefix>", encoded(directory), "</Prefix></CommonPrefixes>");
  }
  const std::string way_on = !truncated || version_1 ? ""
                                                     : Concat("<NextContinuationToken>.", last,
                                                              "</NextContinuationToken>");
  const std::string end = Quirk("says nothing of the end")
                              ? ""
                              : Concat("<IsTruncated>", truncated, "</IsTruncated>", way_on);
  return {200,
          {},
          Concat("<ListBucketResult>", encodes ? "<EncodingType>url</EncodingType>" : "", end, body,
                 "</ListBucketResult>")};
}

}  // namespace tarn::ufs::s3
