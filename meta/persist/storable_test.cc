// Names that the source cannot hold.

#include "ufs/storable.h"

#include <gtest/gtest.h>

#include "base/testing/temporary_directory.h"
#include "meta/testing/rig.h"
#include "ufs/local.h"
#include "ufs/memory.h"

namespace tarn::meta {
namespace {

class ReservedNamesTest : public ::testing::Test {
 protected:
  static constexpr const char* kReserved = ".tarn-upload.x";

  TemporaryDirectory directory_;
  Rig rig_{*ufs::OpenLocalUfs(directory_.path(), SystemClock()), {}, Pace::kNothing};
  role::Names& names_ = rig_.ns().GetNames();
  const role::Caller caller_{SessionId(1), 0, 0, 0};
};

TEST_F(ReservedNamesTest, NoCallMakesOne) {
  rig_.Put("f", "bytes");
  rig_.MakeDir("d");
  for (const role::FileType type :
       {role::FileType::kRegular, role::FileType::kDirectory, role::FileType::kSymlink,
        role::FileType::kFifo, role::FileType::kSocket}) {
    role::CreateSpec spec;
    spec.type = type;
    spec.symlink_target = "target";
    EXPECT_EQ(names_.Create(caller_, kRootInode, kReserved, spec).code(), Code::kInvalid);
    EXPECT_EQ(names_.Create(caller_, rig_.Find("d"), kReserved, spec).code(), Code::kInvalid);
  }
  EXPECT_EQ(names_.Link(caller_, rig_.Find("f"), kRootInode, kReserved).code(), Code::kInvalid);
  for (const char* from : {"f", "d"}) {
    EXPECT_EQ(
        names_.Rename(caller_, kRootInode, from, kRootInode, kReserved, role::RenameMode::kReplace)
            .code(),
        Code::kInvalid);
  }
  rig_.Put(".tarn-uploads", "not reserved");
  rig_.Drain();
  EXPECT_EQ(rig_.Stored(), (Tree{{".tarn-uploads", "not reserved"}, {"d/", ""}, {"f", "bytes"}}));
}

TEST(LongNamesTest, ADirectoryIsNotMovedWhereNamesBelowItGetTooLong) {
  TickingClock clock;
  Rig rig(ufs::NewMemoryUfs(clock), {}, Pace::kNothing);
  const std::string part(200, 'n');
  std::string path = "d";
  rig.MakeDir(path);
  for (int i = 0; i < 5; ++i) {
    path += "/" + part;
    i < 4 ? rig.MakeDir(path) : rig.Put(path, "bytes");
  }
  role::Names& names = rig.ns().GetNames();
  const auto move = [&](const std::string& from, const std::string& to) {
    return names
        .Rename({SessionId(1), 0, 0, 0}, kRootInode, from, kRootInode, to,
                role::RenameMode::kReplace)
        .code();
  };
  EXPECT_EQ(move("d", std::string(30, 'e')), Code::kNameTooLong);
  EXPECT_EQ(move("d", std::string(19, 'e')), Code::kOk);
}

TEST(LongNamesTest, EscapesCountAsWhatIsWritten) {
  ufs::UfsTraits traits;
  traits.scheme = "s3";
  traits.max_key_bytes = 20;
  EXPECT_TRUE(ufs::CheckStorable(traits, std::string(20, 'n'), ufs::Form::kObject).ok());
  EXPECT_EQ(ufs::CheckStorable(traits, std::string(20, 'n'), ufs::Form::kMarker).code(),
            Code::kNameTooLong);
  EXPECT_TRUE(ufs::CheckStorable(traits, "\xff\xff\xff\xff", ufs::Form::kObject).ok());
  EXPECT_EQ(ufs::CheckStorable(traits, "\xff\xff\xff\xff\xff", ufs::Form::kObject).code(),
            Code::kNameTooLong);
}

}  // namespace
}  // namespace tarn::meta
