// The contract suite (ufs/testing/ufs_contract.h) on a real S3 server. TARN_TEST_S3_ENDPOINT names
// it, TARN_TEST_S3_BUCKET its bucket, which must exist ("tarn-test" by default), AWS_ACCESS_KEY_ID
// and AWS_SECRET_ACCESS_KEY its keys. Without an endpoint these tests are skipped.

#include "base/random.h"
#include "s3wire/xml.h"
#include "ufs/s3.h"
#include "ufs/s3/client.h"
#include "ufs/testing/ufs_contract.h"

namespace tarn::ufs {
namespace {

using s3::S3Options;

S3Options TestOptions() {
  const s3::Environment environment = s3::ProcessEnvironment();
  S3Options options;
  options.endpoint = environment("TARN_TEST_S3_ENDPOINT").value_or("");
  options.bucket = environment("TARN_TEST_S3_BUCKET").value_or("tarn-test");
  options.http.proxy = "none";
  options.disable_dns_buckets = true;
  options.prefix = Concat("contract-", RandomSeed(), "/");
  options.part_bytes = options.single_put_bytes = 5 << 20;
  options.abandoned_upload_age = Nanos::zero();
  return options;
}

// A store below a prefix of its own, which is emptied at the end.
class S3Fixture final : public UfsFixture {
 public:
  S3Fixture() {
    const S3Options options = TestOptions();
    const s3::Environment environment = s3::ProcessEnvironment();
    client_ = s3::NewClient(options, environment, SystemClock()).value();
    s3::S3Call make;
    make.method = "PUT";
    client_->Run(std::span(&make, 1), {});
    ufs_ = s3::OpenS3Ufs(options, environment, SystemClock(), {}).value();
    prefix_ = options.prefix;
  }
  ~S3Fixture() override {
    for (;;) {
      s3::S3Call list;
      list.method = "GET";
      list.query = {{"list-type", "2"}, {"prefix", prefix_}, {"encoding-type", "url"}};
      client_->Run(std::span(&list, 1), {});
      const auto listing = s3wire::ParseObjectListing(list.response.body);
      if (!listing.ok() || listing->objects.empty()) break;
      std::vector<s3::S3Call> removals(listing->objects.size());
      for (size_t i = 0; i < removals.size(); ++i) {
        removals[i].method = "DELETE";
        removals[i].key = listing->objects[i].key;
      }
      client_->Run(removals, {});
    }
  }
  UnderFileSystem& ufs() override { return *ufs_; }

 private:
  std::unique_ptr<s3::Client> client_;
  std::unique_ptr<UnderFileSystem> ufs_;
  std::string prefix_;
};

const UfsUnderTest kS3 = {"S3", [] { return std::make_unique<S3Fixture>(); },
                          [] {
                            return TestOptions().endpoint.empty()
                                       ? "TARN_TEST_S3_ENDPOINT does not name an S3 server"
                                       : "";
                          }};

}  // namespace

INSTANTIATE_TEST_SUITE_P(S3, UfsContract, testing::Values(kS3), UfsName());

}  // namespace tarn::ufs
