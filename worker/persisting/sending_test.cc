#include "worker/persisting/sending.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "base/mutex.h"
#include "base/testing/temporary_directory.h"
#include "ufs/local.h"
#include "worker/testing/fakes.h"

namespace tarn::worker {
namespace {

using cache::kPageBytes;

constexpr uint64_t kPart = 8 << 20;
constexpr ContentId kContent{InodeId(5), Generation(1)};

// Records the parts and how they came.
class RecordedUpload final : public ufs::Upload {
 public:
  explicit RecordedUpload(const std::string& base) : base_(base) {}
  std::string UploadId() const override { return "u"; }
  std::string File() const override { return ""; }
  Status WritePart(uint64_t offset_bytes, std::span<const std::byte> data,
                   const ufs::CallOptions&) override {
    MutexLock lock(mutex_);
    const auto* text = reinterpret_cast<const char*>(data.data());
    parts_[offset_bytes] = std::string(text, data.size());
    written_bytes_ += data.size();
    return OkStatus();
  }
  Status CopyPart(uint64_t offset_bytes, const ufs::PartSource& from, uint64_t length_bytes,
                  const ufs::CallOptions&) override {
    MutexLock lock(mutex_);
    if (!copy_status_.ok()) return copy_status_;
    EXPECT_EQ(from.key, "base");
    EXPECT_EQ(from.etag, "e");
    EXPECT_EQ(from.offset_bytes, offset_bytes);
    EXPECT_EQ(length_bytes % kPart, 0u);
    parts_[offset_bytes] = base_.substr(from.offset_bytes, length_bytes);
    return OkStatus();
  }
  Result<ufs::ObjectInfo> Commit(const ufs::CallOptions&) override { return ufs::ObjectInfo{}; }
  Status Abort(const ufs::CallOptions&) override { return OkStatus(); }

  void RefuseCopies(Status why) { copy_status_ = std::move(why); }
  std::string Object() {
    std::string object;
    for (const auto& [offset, bytes] : parts_) {
      EXPECT_EQ(offset, object.size());
      object += bytes;
    }
    return object;
  }
  uint64_t written_bytes() const { return written_bytes_; }

 private:
  const std::string& base_;
  Mutex mutex_;
  Status copy_status_;
  std::map<uint64_t, std::string> parts_;
  uint64_t written_bytes_ = 0;
};

// An object of 40 MiB, of which a little was changed here.
class SendingTest : public testing::Test {
 protected:
  SendingTest() : base_(40 * kPageBytes, '\0'), upload_(base_) {
    for (size_t i = 0; i < base_.size(); ++i) base_[i] = static_cast<char>(i / 1000);
    traits_.min_part_bytes = kPart;
  }
  void Change(uint64_t offset, std::string_view text) {
    auto file = cache_->AddClean(kContent, base_.size()).value();
    for (const uint64_t page : {offset / kPageBytes, (offset + text.size()) / kPageBytes}) {
      if (page * kPageBytes >= base_.size()) continue;
      ASSERT_TRUE(
          file->AddPage(page, Bytes(std::string_view(base_).substr(page * kPageBytes, kPageBytes)))
              .ok());
    }
    ASSERT_TRUE(file->BeginWriting(cache::Truncate::kNo).ok());
    ASSERT_TRUE(file->Write(offset, Bytes(text)).ok());
    ASSERT_TRUE(file->Commit(Generation(2), cache::Syncing::kUnsynced).ok());
    file->EndWriting();
    ASSERT_TRUE(file->Settle().ok());
    expected_ = base_;
    expected_.resize(std::max(base_.size(), offset + text.size()));
    expected_.replace(offset, text.size(), text);
    frozen_ = cache_->Freeze({InodeId(5), Generation(2)}, cache::Freezing::kExclusive).value();
  }
  Status Send(const ufs::PartSource& base = {"base", "e", 0}) {
    Sending sending{*frozen_, upload_, base, {}, [] { return ufs::CallOptions{}; }};
    sending.read_base = [&](uint64_t offset, std::span<std::byte> out) {
      read_bytes_ += out.size();
      const auto text = Bytes(std::string_view(base_).substr(offset, out.size()));
      std::copy(text.begin(), text.end(), out.begin());
      return OkStatus();
    };
    return SendParts(sending, traits_);
  }

  std::string base_;
  std::string expected_;
  RecordedUpload upload_;
  ufs::UfsTraits traits_;
  std::atomic<uint64_t> read_bytes_{0};
  std::unique_ptr<cache::CacheStore> cache_ = cache::NewMemoryCacheStore(64 << 20, SystemClock());
  std::unique_ptr<cache::FrozenContent> frozen_;
};

TEST_F(SendingTest, AnAppendMovesWhatIsNewAndTheStoreCopiesTheRest) {
  Change(base_.size(), "line");
  ASSERT_TRUE(Send().ok());
  EXPECT_TRUE(upload_.Object() == expected_);
  EXPECT_EQ(upload_.written_bytes(), 4u);
  EXPECT_EQ(read_bytes_, 0u);
}

TEST_F(SendingTest, AWriteInsideMovesItsPartOnly) {
  Change(17 * kPageBytes + 5, "--");
  ASSERT_TRUE(Send().ok());
  EXPECT_TRUE(upload_.Object() == expected_);
  EXPECT_EQ(upload_.written_bytes(), kPart);
  EXPECT_EQ(read_bytes_, kPart - kPageBytes);
}

TEST_F(SendingTest, WhatTheStoreDoesNotCopyIsReadAndWritten) {
  Change(base_.size(), "line");
  for (const Code code : {Code::kUnsupported, Code::kPermission, Code::kInvalid}) {
    read_bytes_ = 0;
    upload_.RefuseCopies(Status(code, "no copies"));
    ASSERT_TRUE(Send().ok());
    EXPECT_TRUE(upload_.Object() == expected_);
    EXPECT_EQ(read_bytes_, base_.size());
  }
}

TEST_F(SendingTest, ABaseOfUnknownVersionIsNotCopied) {
  Change(base_.size(), "line");
  ASSERT_TRUE(Send({}).ok());
  EXPECT_TRUE(upload_.Object() == expected_);
  EXPECT_EQ(read_bytes_, base_.size());
}

TEST_F(SendingTest, ABaseThatWasReplacedEndsIt) {
  Change(base_.size(), "line");
  upload_.RefuseCopies(Status(Code::kStale, "another etag"));
  EXPECT_EQ(Send().code(), Code::kStale);
  EXPECT_EQ(read_bytes_, 0u);
}

TEST_F(SendingTest, CopiedPartsAreJoinedUpToALimit) {
  Change(base_.size(), "line");
  const std::vector<PlannedPart> parts = PlanParts(*frozen_, kPart, {"base", "e", 0});
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_TRUE(parts[0].copied);
  EXPECT_EQ(parts[0].length_bytes, base_.size());
  EXPECT_FALSE(parts[1].copied);
  EXPECT_EQ(PlanParts(*frozen_, 32 << 20, {"base", "e", 0}).size(), 2u);
  for (const PlannedPart& part : PlanParts(*frozen_, kPart, {})) EXPECT_FALSE(part.copied);
}

TEST_F(SendingTest, AContentMayBeCleanWithPagesAbsent) {
  Change(base_.size(), "line");
  ASSERT_TRUE(frozen_->MarkClean().ok());
  frozen_.reset();
  auto file = cache_->Open({InodeId(5), Generation(2)}).value();
  EXPECT_EQ(file->Info().state, cache::ContentState::kClean);
  EXPECT_FALSE(file->Present(0, 1));
  EXPECT_TRUE(file->Present(base_.size(), 4));
  for (uint64_t page = 0; page < 40; ++page) {
    const auto text = std::string_view(base_).substr(page * kPageBytes, kPageBytes);
    ASSERT_TRUE(file->AddPage(page, Bytes(text)).ok());
  }
  EXPECT_TRUE(ReadLive(*file) == expected_);
}

constexpr uint64_t kTerabyte = uint64_t{1} << 40;

TEST(Holes, AreWhatTheDataLeaveOut) {
  const auto text = [](const std::vector<cache::ByteRange>& data, uint64_t size) {
    std::string said;
    for (const ufs::Extent& hole : HolesOf(data, size)) {
      said += std::to_string(hole.offset_bytes) + "+" + std::to_string(hole.length_bytes) + " ";
    }
    return said;
  };
  EXPECT_EQ(text({}, 0), "");
  EXPECT_EQ(text({}, 10), "0+10 ");
  EXPECT_EQ(text({{0, 10}}, 10), "");
  EXPECT_EQ(text({{2, 4}, {6, 8}}, 10), "0+2 4+2 8+2 ");
}

// A test has no time to read or write a terabyte of zeros.
TEST(Holes, OfAStoreThatHasThemAreNotSent) {
  const TemporaryDirectory directory;
  const auto source = ufs::OpenLocalUfs(directory.path(), SystemClock()).value();
  const auto cache = cache::NewMemoryCacheStore(128 << 20, SystemClock());
  auto file = cache->Stage(InodeId(5)).value();
  ASSERT_TRUE(file->Write(0, Bytes("head")).ok());
  ASSERT_TRUE(file->Write(kTerabyte / 2, Bytes("middle")).ok());
  ASSERT_TRUE(file->Resize(kTerabyte).ok());
  ASSERT_TRUE(file->Commit(Generation(1), cache::Syncing::kUnsynced).ok());
  file->EndWriting();
  const auto frozen =
      cache->Freeze({InodeId(5), Generation(1)}, cache::Freezing::kExclusive).value();
  const std::vector<cache::ByteRange> data = frozen->Data().value();
  ufs::CreateOptions options;
  options.size_bytes = kTerabyte;
  options.holes = HolesOf(data, kTerabyte);
  const auto upload = source->Create("map", options, {}).value();
  const Sending sending{*frozen, *upload, {}, {}, [] { return ufs::CallOptions{}; }};
  ASSERT_TRUE(SendParts(sending, source->Traits()).ok());
  ASSERT_TRUE(upload->Commit({}).ok());
  EXPECT_EQ(source->Stat("map", {})->size_bytes, kTerabyte);
  std::string middle(6, ' ');
  ASSERT_TRUE(source
                  ->Read("map", "", kTerabyte / 2,
                         std::as_writable_bytes(std::span(middle.data(), middle.size())), {})
                  .ok());
  EXPECT_EQ(middle, "middle");
}

// An upload to a store whose parts are larger than memory.
class CountingUpload final : public ufs::Upload {
 public:
  std::string UploadId() const override { return "u"; }
  std::string File() const override { return ""; }
  Status WritePart(uint64_t, std::span<const std::byte>, const ufs::CallOptions&) override {
    return Status(Code::kInvalid, "a part in memory");
  }
  Status StreamPart(uint64_t offset_bytes, uint64_t length_bytes, const ReadBytes& read,
                    const ufs::CallOptions&) override {
    {
      MutexLock lock(mutex_);
      lengths[offset_bytes] = length_bytes;
    }
    std::byte last[1];
    return read(offset_bytes + length_bytes - 1, last);
  }
  Status CopyPart(uint64_t, const ufs::PartSource&, uint64_t, const ufs::CallOptions&) override {
    return Status(Code::kUnsupported, "no copies");
  }
  Result<ufs::ObjectInfo> Commit(const ufs::CallOptions&) override { return ufs::ObjectInfo{}; }
  Status Abort(const ufs::CallOptions&) override { return OkStatus(); }

  std::map<uint64_t, uint64_t> lengths;  // By offset. Read it after all parts are sent.

 private:
  Mutex mutex_;
};

// A content that is all hole.
class VastContent final : public cache::FrozenContent {
 public:
  explicit VastContent(uint64_t size_bytes) { info_.size_bytes = size_bytes; }
  const cache::ContentInfo& Info() const override { return info_; }
  int Descriptor() const override { return -1; }
  Piece PieceAt(uint64_t, uint64_t length_bytes) const override { return {length_bytes, false}; }
  Result<std::vector<cache::ByteRange>> Data() const override {
    return std::vector<cache::ByteRange>();
  }
  Status Check(uint64_t, std::span<const std::byte>) override { return OkStatus(); }
  bool Unchanged() const override { return true; }
  Status MarkClean() override { return OkStatus(); }

 private:
  cache::ContentInfo info_;
};

TEST(Sending, VastFilesAreSentInFewEnoughPartsAndNoneIsInMemory) {
  constexpr uint64_t kTib = 1ULL << 40;
  for (const uint64_t size : {5 * kTib, 5 * kTib - 1, 3 * kTib + 12345}) {
    VastContent content(size);
    CountingUpload upload;
    ufs::UfsTraits traits;
    traits.min_part_bytes = kPart;
    traits.max_parts = 10'000;
    const Sending sending{content, upload, {}, {}, [] { return ufs::CallOptions{}; }};
    ASSERT_TRUE(SendParts(sending, traits).ok());
    EXPECT_LE(upload.lengths.size(), traits.max_parts);
    uint64_t end = 0;
    for (const auto& [offset, length] : upload.lengths) {
      EXPECT_EQ(offset, end);
      EXPECT_EQ(offset % kPageBytes, 0u) << "checksums are those of pages";
      end += length;
    }
    EXPECT_EQ(end, size);
  }
}

}  // namespace
}  // namespace tarn::worker
