#include "ufs/late_ufs.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "ufs/memory.h"

namespace tarn::ufs {
namespace {

std::span<const std::byte> BytesOf(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

Result<std::unique_ptr<Upload>> Begin(UnderFileSystem& ufs, std::string_view key) {
  CreateOptions options;
  options.size_bytes = 3;
  ASSIGN_OR_RETURN(std::unique_ptr<Upload> upload, ufs.Create(key, options, {}));
  RETURN_IF_ERROR(upload->WritePart(0, BytesOf("abc"), {}));
  return upload;
}

class LateUfsTest : public testing::Test {
 protected:
  ManualClock clock_;
  std::unique_ptr<LateUfs> late_ = NewLateUfs(NewMemoryUfs(clock_)->Traits());
};

TEST_F(LateUfsTest, WithoutASourceEveryCallSaysWhy) {
  late_->Disconnect(Status(Code::kIo, "the disk is away"));
  EXPECT_EQ(late_->State().message(), "the disk is away");
  EXPECT_EQ(late_->Stat("f", {}).status().message(), "the disk is away");
  EXPECT_EQ(late_->SourceIdentity({}).code(), Code::kIo);
  EXPECT_EQ(late_->List("", {}, {}).code(), Code::kIo);
  EXPECT_EQ(late_->Create("f", {}, {}).code(), Code::kIo);
  EXPECT_EQ(late_->ListUploads({}).code(), Code::kIo);
  EXPECT_EQ(late_->Move("f", "g", {}, {}).code(), Code::kIo);
  EXPECT_EQ(late_->Sync({}).code(), Code::kIo);
  const std::vector<DeleteRequest> both{{"f", {}}, {"g", {}}};
  const std::vector<Status> deleted = late_->Delete(both, {});
  ASSERT_EQ(deleted.size(), 2u);
  EXPECT_EQ(deleted[0].code(), Code::kIo);
  EXPECT_EQ(deleted[1].code(), Code::kIo);
}

TEST_F(LateUfsTest, OnceConnectedCallsReachTheSource) {
  EXPECT_EQ(late_->State().code(), Code::kIo);
  late_->Connect(NewMemoryUfs(clock_));
  EXPECT_TRUE(late_->State().ok());
  EXPECT_EQ(*late_->SourceIdentity({}), "mem");
  auto upload = Begin(*late_, "f");
  ASSERT_TRUE(upload.ok());
  ASSERT_TRUE((*upload)->Commit({}).ok());
  EXPECT_EQ(late_->Stat("f", {})->size_bytes, 3u);
}

TEST_F(LateUfsTest, AnUploadKeepsTheSourceThatWasTakenAway) {
  late_->Connect(NewMemoryUfs(clock_));
  const UfsTraits& traits = late_->Traits();
  auto upload = Begin(*late_, "f");
  ASSERT_TRUE(upload.ok());
  late_->Disconnect(Status(Code::kIo, "unmounted"));
  EXPECT_EQ((*upload)->Commit({})->size_bytes, 3u);
  EXPECT_EQ(late_->Stat("f", {}).code(), Code::kIo);
  EXPECT_EQ(traits.scheme, late_->Traits().scheme);
}

}  // namespace
}  // namespace tarn::ufs
