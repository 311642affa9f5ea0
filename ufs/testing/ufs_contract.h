#pragma once

// The promises of every under file system (ufs/under_file_system.h), as tests. A store instantiates
// UfsContract with a way to make one, and UfsAttributesContract if it has attributes.

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/strings.h"
#include "ufs/under_file_system.h"

namespace tarn::ufs {

// A store for one test, with everything that it stands on.
struct UfsFixture {
  virtual ~UfsFixture() = default;
  virtual UnderFileSystem& ufs() = 0;
};

struct UfsUnderTest {
  std::string name;
  std::function<std::unique_ptr<UfsFixture>()> make;
  // Why this machine cannot make such a store; empty: it can.
  std::function<std::string()> missing = [] { return std::string(); };
};

struct UfsName {
  std::string operator()(const testing::TestParamInfo<UfsUnderTest>& info) const {
    return info.param.name;
  }
};

inline std::span<const std::byte> BytesOf(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

using Names = std::vector<std::string>;

class UfsContract : public testing::TestWithParam<UfsUnderTest> {
 protected:
  void SetUp() override {
    const std::string missing = GetParam().missing();
    if (!missing.empty()) GTEST_SKIP() << missing;
    fixture_ = GetParam().make();
  }
  UnderFileSystem& ufs() { return fixture_->ufs(); }
  AttributeStore& attributes() { return *ufs().Attributes(); }

  Result<std::unique_ptr<Upload>> Start(std::string_view key, size_t size_bytes,
                                        const Precondition& precondition = {}) {
    CreateOptions options;
    options.size_bytes = size_bytes;
    options.precondition = precondition;
    return ufs().Create(key, options, {});
  }
  Result<ObjectInfo> TryPut(std::string_view key, std::string_view bytes,
                            const Precondition& precondition = {}) {
    auto upload = Start(key, bytes.size(), precondition);
    if (!upload.ok()) return upload.status();
    RETURN_IF_ERROR((*upload)->WritePart(0, BytesOf(bytes), {}));
    Result<ObjectInfo> done = (*upload)->Commit({});
    if (!done.ok()) RETURN_IF_ERROR((*upload)->Abort({}));
    return done;
  }
  ObjectInfo Put(std::string_view key, std::string_view bytes) {
    MakeParents(key);
    Result<ObjectInfo> done = TryPut(key, bytes);
    EXPECT_TRUE(done.ok()) << done.status().ToString();
    return done.ok() ? *done : ObjectInfo();
  }
  void MakeParents(std::string_view key) {
    if (!ufs().Traits().real_directories) return;
    for (size_t slash = key.find('/'); slash != std::string_view::npos;
         slash = key.find('/', slash + 1)) {
      EXPECT_EQ(attributes().MakeDirectory(key.substr(0, slash), 0755, {}).code(), Code::kOk);
    }
  }
  // The bytes at a key, or a code's name if they cannot be read.
  std::string Get(std::string_view key, std::string_view etag = "", uint64_t offset = 0,
                  size_t size = 100) {
    std::string bytes(size, '\0');
    Result<size_t> got = ufs().Read(
        key, etag, offset, std::as_writable_bytes(std::span(bytes.data(), bytes.size())), {});
    return got.ok() ? bytes.substr(0, *got) : std::string(CodeName(got.code()));
  }
  // The pieces that came, and a code's name after them if an error ended the read.
  Names Pieces(std::string_view key, std::string_view etag, Extent extent, size_t piece_bytes = 3) {
    Names pieces;
    std::vector<std::byte> piece(piece_bytes);
    Result<uint64_t> given = ufs().ReadPieces(
        key, etag, extent, piece,
        [&](std::span<const std::byte> bytes) {
          pieces.emplace_back(reinterpret_cast<const char*>(bytes.data()), bytes.size());
          return OkStatus();
        },
        {});
    size_t sum = 0;
    for (const std::string& one : pieces) sum += one.size();
    if (given.ok()) {
      EXPECT_EQ(*given, sum);
    } else {
      pieces.emplace_back(CodeName(given.code()));
    }
    return pieces;
  }
  Code Remove(std::string_view key, const Precondition& precondition = {}) {
    const DeleteRequest request = {std::string(key), precondition};
    return ufs().Delete(std::span(&request, 1), {}).at(0).code();
  }
  // All keys below, listed in pages of that size. Those of directories end in '/'.
  Names ListAll(std::string_view directory_key, size_t page_size = 1000) {
    Names keys;
    ListOptions options;
    options.page_size = page_size;
    do {
      Result<ListPage> page = ufs().List(directory_key, options, {});
      EXPECT_TRUE(page.ok()) << page.status().ToString();
      if (!page.ok()) break;
      EXPECT_LE(page->entries.size(), page_size);
      for (const ObjectInfo& entry : page->entries) {
        keys.push_back(entry.key + (entry.type == ObjectType::kDirectory ? "/" : ""));
      }
      options.start_after = page->next_start_after;
    } while (!options.start_after.empty());
    return keys;
  }
  Names UploadsPending() {
    Names ids;
    Result<std::vector<PendingUpload>> uploads = ufs().ListUploads({});
    EXPECT_TRUE(uploads.ok()) << uploads.status().ToString();
    if (!uploads.ok()) return ids;
    for (const PendingUpload& upload : *uploads) ids.push_back(upload.upload_id);
    return ids;
  }
  static Precondition Absent() { return {Precondition::Kind::kAbsent, ""}; }
  static Precondition Is(const ObjectInfo& info) { return {Precondition::Kind::kEtag, info.etag}; }

  std::unique_ptr<UfsFixture> fixture_;
};

// For stores whose Traits() say `attributes` and `real_directories`.
class UfsAttributesContract : public UfsContract {
 protected:
  Result<ObjectInfo> Change(std::string_view key, const AttributeChange& change) {
    return attributes().SetAttributes(key, change, {});
  }
};

}  // namespace tarn::ufs
