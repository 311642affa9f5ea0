#include "config/properties.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "base/units.h"

namespace tarn {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class SiteFileTest : public testing::Test {
 protected:
  SiteFileTest() {
    std::string name = testing::TempDir() + "tarn-conf-XXXXXX";
    directory_ = mkdtemp(name.data());
  }
  ~SiteFileTest() override {
    unlink(File().c_str());
    rmdir(directory_.c_str());
  }
  std::string File() const { return directory_ + "/tarn-site.properties"; }
  Result<Properties> LoadWith(const std::string& text) {
    std::ofstream(File()) << text;
    return Properties::Load({.directories = {directory_}});
  }
  std::string directory_;
};

Result<Properties> LoadEnvironment(std::vector<std::string> environment) {
  return Properties::Load({.environment = std::move(environment)});
}

Result<Properties> LoadDefinitions(std::vector<std::string> definitions) {
  return Properties::Load({.definitions = std::move(definitions)});
}

TEST_F(SiteFileTest, PropertiesOfOtherSystemsAreAcceptedAndSayWhyTheyHaveNoEffect) {
  const Result<Properties> properties = LoadWith(
      "alluxio.master.metastore=ROCKS\nalluxio.job.worker.threadpool.size=64\n"
      "alluxio.master.replication.check.interval=1hr\n");
  ASSERT_TRUE(properties.ok()) << properties.status().ToString();
  const Result<Properties::Entry> entry = properties->Find("tarn.master.metastore");
  ASSERT_TRUE(entry.ok());
  EXPECT_EQ(entry->text, "ROCKS");
  size_t without_effect = 0;
  for (const PropertyRow& row : PropertyTable()) {
    const std::string_view why = WhyNoEffect(row);
    EXPECT_FALSE(row.name == "tarn.fuse.threads" && !why.empty()) << why;
    without_effect += why.empty() ? 0 : 1;
  }
  EXPECT_GE(without_effect, 9u);
}

TEST(Properties, VariablesLikePropertiesOfOtherSystemsAreForeign) {
  EXPECT_TRUE(LoadEnvironment({"TARN_USER_ID=7", "TARN_MASTER_HOST=a"}).ok());
  EXPECT_EQ(LoadEnvironment({"TARN_FUSE_THREDS=7"}).code(), Code::kInvalid);
}

TEST(Properties, StartAsTheirDefaults) {
  const Properties properties;
  EXPECT_TRUE(properties.Get(property::kSyncOnClose));
  EXPECT_EQ(properties.Get(property::kPersistThreads), 4);
  EXPECT_EQ(properties.Get(property::kMetadataSyncInterval), minutes(1));
  EXPECT_EQ(properties.Get(property::kPinnedRatio), 0.3);
  EXPECT_EQ(properties.Get(property::kPageSize), 1u << 20);
  EXPECT_EQ(properties.Get(property::kLogLevel), "info");
  EXPECT_THAT(properties.Get(property::kPageStoreDirs), IsEmpty());
  for (const Properties::Entry& entry : properties.List()) EXPECT_EQ(entry.source, "default");
}

TEST(PropertyTable, NamesAreUniqueAndDocumented) {
  std::set<std::string_view> names;
  for (const PropertyRow& row : PropertyTable()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_TRUE(row.name.starts_with("tarn.") || row.name.starts_with("s3a.")) << row.name;
    EXPECT_TRUE(row.doc.ends_with('.')) << row.name;
    EXPECT_TRUE(ParseProperty(row, row.default_text).ok()) << row.name;
  }
}

TEST(PropertyTable, DocumentIsUpToDate) {
  std::stringstream text;
  text << std::ifstream(TARN_SOURCE_DIR "/doc/configuration.md").rdbuf();
  EXPECT_EQ(text.str(), ConfigurationMarkdown()) << "run ninja -C build/release configuration_doc";
}

TEST_F(SiteFileTest, LinesSetPropertiesAndAreRemembered) {
  const Result<Properties> properties = LoadWith(
      "# a comment\n\n"
      "tarn.write.cache.sync.on.close = false\r\n"
      "alluxio.worker.mark.writing.files.duration: 5min\n"
      "tarn.worker.page.store.dirs=/a, /b\n"
      "tarn.worker.page.store.sizes=1GiB,512MB");
  ASSERT_TRUE(properties.ok()) << properties.status().ToString();
  EXPECT_FALSE(properties->Get(property::kSyncOnClose));
  EXPECT_EQ(properties->Get(property::kMarkWritingFilesDuration), minutes(5));
  EXPECT_THAT(properties->Get(property::kPageStoreDirs), ElementsAre("/a", "/b"));
  EXPECT_THAT(properties->Get(property::kPageStoreSizes), ElementsAre(1u << 30, 512u << 20));
  const Properties::Entry entry = *properties->Find("tarn.write.cache.sync.on.close");
  EXPECT_EQ(entry.text, "false");
  EXPECT_EQ(entry.source, File() + ":3");
}

TEST_F(SiteFileTest, ErrorsNameFileLineAndNearestName) {
  const Result<Properties> typo = LoadWith("\ntarn.write.cache.sync.on.closed=true\n");
  ASSERT_EQ(typo.code(), Code::kInvalid);
  EXPECT_THAT(typo.status().message(),
              AllOf(HasSubstr(File() + ":2"), HasSubstr("tarn.write.cache.sync.on.closed"),
                    HasSubstr("did you mean tarn.write.cache.sync.on.close?")));
  const Result<Properties> no_assignment = LoadWith("just words\n");
  ASSERT_EQ(no_assignment.code(), Code::kInvalid);
  EXPECT_THAT(no_assignment.status().message(), HasSubstr("name=value"));
}

TEST_F(SiteFileTest, LaterSourcesPrevail) {
  std::ofstream(File()) << "tarn.log.level=debug\ntarn.fuse.threads=2\ntarn.ufs.timeout=1s\n";
  const Result<Properties> properties =
      Properties::Load({.directories = {"/nonexistent", directory_},
                        .environment = {"TARN_FUSE_THREADS=3", "ALLUXIO_UFS_TIMEOUT=2s"},
                        .definitions = {"tarn.ufs.timeout=3s"}});
  ASSERT_TRUE(properties.ok()) << properties.status().ToString();
  EXPECT_EQ(properties->Get(property::kLogLevel), "debug");
  EXPECT_EQ(properties->Get(property::kFuseThreads), 3);
  EXPECT_EQ(properties->Get(property::kUfsTimeout), seconds(3));
  EXPECT_EQ(properties->Find("tarn.fuse.threads")->source, "environment TARN_FUSE_THREADS");
  EXPECT_EQ(properties->Find("alluxio.ufs.timeout")->source, "-D");
}

TEST_F(SiteFileTest, FileThatCannotBeReadIsAnError) {
  ASSERT_EQ(mkdir(File().c_str(), 0700), 0);
  EXPECT_EQ(Properties::Load({.directories = {directory_}}).code(), Code::kIsDirectory);
  rmdir(File().c_str());
}

TEST_F(SiteFileTest, SecretThatEveryUserCanReadGivesAWarning) {
  ASSERT_EQ(chmod(directory_.c_str(), 0755), 0);
  const auto warnings = [this](const char* text, mode_t mode) {
    std::ofstream(File()) << text;
    EXPECT_EQ(chmod(File().c_str(), mode), 0);
    return Properties::Load({.named_directory = directory_}).value().warnings();
  };
  EXPECT_THAT(warnings("s3a.secretKey=hunter2\n", 0644),
              ElementsAre(AllOf(HasSubstr(File() + " holds a secret"),
                                HasSubstr("chmod 600 " + File()), Not(HasSubstr("hunter2")))));
  EXPECT_THAT(warnings("s3a.secretKey=hunter2\n", 0640), IsEmpty());
  EXPECT_THAT(warnings("s3a.secretKey=\ntarn.fuse.threads=2\n", 0644), IsEmpty());
  ASSERT_EQ(chmod(directory_.c_str(), 0700), 0);
  EXPECT_THAT(warnings("s3a.secretKey=hunter2\n", 0644), IsEmpty());
}

TEST_F(SiteFileTest, TheNamedDirectoryMustExistAndPrevails) {
  std::ofstream(File()) << "tarn.fuse.threads=2\n";
  const Result<Properties> there = Properties::Load({.named_directory = directory_});
  ASSERT_TRUE(there.ok()) << there.status().ToString();
  EXPECT_EQ(there->Get(property::kFuseThreads), 2);
  const Result<Properties> absent = Properties::Load({.named_directory = directory_ + "/absent"});
  ASSERT_EQ(absent.code(), Code::kNotFound);
  EXPECT_THAT(absent.status().message(), HasSubstr("TARN_CONF_DIR=" + directory_ + "/absent"));
  EXPECT_EQ(Properties::Load({.named_directory = File()}).code(), Code::kNotDirectory);
}

TEST(Properties, MisspeltVariablesAreErrorsAndForeignOnesAreNot) {
  EXPECT_EQ(LoadEnvironment({"TARN_WRITE_CACHE_SYNC_ON_CLOS=true"}).code(), Code::kInvalid);
  EXPECT_TRUE(LoadEnvironment({"TARN_CONF_DIR=/x", "TARN_FUSE_PREFIX=/y", "TARN_SEED=1", "HOME=/",
                               "TARN_WORKER_SERVICE_HOST=10.0.0.1", "TARN_WORKER_PORT=tcp://x",
                               "ALLUXIO_WORKER_JAVA_OPTS=-Xmx1g", "nonsense"})
                  .ok());
}

TEST(Properties, PathsAreThoseOfTheDirectoryTheyWereGivenIn) {
  Properties properties = LoadDefinitions({"tarn.underfs.s3.ca.bundle=certs/ca.pem",
                                           "tarn.worker.page.store.dirs=/disk1, disk2"})
                              .value();
  properties.ResolvePaths("/home/u");
  EXPECT_EQ(properties.Get(property::kS3CaBundle), "/home/u/certs/ca.pem");
  EXPECT_EQ(properties.Find("tarn.underfs.s3.ca.bundle")->text, "/home/u/certs/ca.pem");
  EXPECT_EQ(properties.Find("tarn.underfs.s3.ca.bundle")->source, "-D");
  EXPECT_EQ(properties.Find("tarn.worker.page.store.dirs")->text, "/disk1,/home/u/disk2");
  EXPECT_EQ(properties.Get(property::kLogDir), "") << "none stays none";
}

TEST(Properties, MalformedValuesNamePropertyValueAndExample) {
  const struct {
    const char* definition;
    const char* hint;
  } kCases[] = {
      {"tarn.write.cache.sync.on.close=maybe", "neither true nor false"},
      {"tarn.fuse.threads=4x", "whole number"},
      {"tarn.fuse.threads=0", "between 1 and 1024"},
      {"tarn.ufs.timeout=10", "10min"},
      {"tarn.worker.readahead.max.size=8XB", "1GiB"},
      {"tarn.worker.page.store.page.size=2MiB", "fixed"},
      {"tarn.worker.page.store.pinned.file.capacity.limit.ratio=1.5", "0.3"},
      {"tarn.worker.page.store.evictor.type=FIFO", "S3FIFO, LRU"},
      {"tarn.worker.page.store.sizes=1GiB,lots", "lots"},
      {"tarn.worker.page.store.dirs=/a,,/b", "empty part"},
      {"tarn.log.level", "name=value"},
      {"log.level=info", "tarn.log.level"},
  };
  for (const auto& c : kCases) {
    const Result<Properties> properties = LoadDefinitions({c.definition});
    ASSERT_EQ(properties.code(), Code::kInvalid) << c.definition;
    EXPECT_THAT(properties.status().message(), AllOf(HasSubstr("-D"), HasSubstr(c.hint)));
  }
}

TEST(Properties, ValuesAreTakenInEveryDocumentedForm) {
  const Result<Properties> properties = LoadDefinitions(
      {"tarn.worker.page.store.evictor.type=lru", "tarn.write.cache.sync.on.close=FALSE",
       "tarn.worker.page.store.pinned.file.capacity.limit.ratio=50%",
       "tarn.ufs.metadata.sync.interval=-1", "tarn.fuse.mount.options=allow_other, ro"});
  ASSERT_TRUE(properties.ok()) << properties.status().ToString();
  EXPECT_EQ(properties->Get(property::kEvictorType), "LRU");
  EXPECT_FALSE(properties->Get(property::kSyncOnClose));
  EXPECT_EQ(properties->Get(property::kPinnedRatio), 0.5);
  EXPECT_EQ(properties->Get(property::kMetadataSyncInterval), kForever);
  EXPECT_THAT(properties->Get(property::kMountOptions), ElementsAre("allow_other", "ro"));
}

TEST(Properties, FailedSetChangesNothing) {
  Properties properties;
  EXPECT_EQ(properties.Set("tarn.fuse.threads", "none", "test").code(), Code::kInvalid);
  EXPECT_EQ(properties.Get(property::kFuseThreads), 256);
  EXPECT_EQ(properties.Find("tarn.fuse.thread").code(), Code::kInvalid);
}

TEST(Properties, SecretsInDefinitionsAreKnownAsSuch) {
  EXPECT_EQ(SecretPart("s3a.secretKey=a=b"), "a=b");
  EXPECT_EQ(SecretPart(" s3a.secretKey = x"), " x");
  EXPECT_EQ(SecretPart("alluxio.underfs.s3.encryption.customer.key=k"), "k");
  EXPECT_EQ(SecretPart("s3a.secretkey=x"), "x") << "misspelt";
  EXPECT_EQ(SecretPart("s3a.accessKeyId=id"), "");
  EXPECT_EQ(SecretPart("s3a.secretKey="), "");
  EXPECT_EQ(SecretPart("s3a.secretKey"), "");
}

TEST(PropertyTable, SecretsAreMasked) {
  PropertyRow row = PropertyTable()[0];
  row.type = PropertyType::kSecret;
  EXPECT_EQ(ShownProperty(row, "hunter2"), "******");
  EXPECT_EQ(ShownProperty(row, ""), "");
}

TEST(Properties, AddressesWithAPasswordAreRefusedAndNotRepeated) {
  for (const char* definition : {"tarn.underfs.s3.proxy.host=joe:hunter2@proxy",
                                 "tarn.underfs.s3.endpoint=http://joe:hunter2@127.0.0.1:9000"}) {
    const Result<Properties> refused = LoadDefinitions({definition});
    ASSERT_EQ(refused.code(), Code::kInvalid);
    EXPECT_EQ(refused.status().message().find("hunter2"), std::string::npos)
        << refused.status().ToString();
  }
  EXPECT_TRUE(LoadDefinitions({"tarn.underfs.s3.endpoint=http://[::1]:9000/s3"}).ok());
}

}  // namespace
}  // namespace tarn
