// The part of the contract suite (kv/testing/store_contract.h) about operations that take effect
// once.

#include <memory>
#include <string>
#include <utility>

#include "kv/testing/forwarding_store.h"
#include "kv/testing/store_contract.h"

namespace tarn::kv {
namespace {

// A store that answers the first commit with kMaybeCommitted and keeps its transaction, which the
// test commits when it likes.
class LateStore final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;

  std::unique_ptr<Transaction> Begin(const BeginOptions& options) override {
    return std::make_unique<LateTransaction>(*this, ForwardingStore::Begin(options));
  }
  std::unique_ptr<Transaction> late;

 private:
  class LateTransaction final : public ForwardingTransaction {
   public:
    LateTransaction(LateStore& store, std::unique_ptr<Transaction> below)
        : ForwardingTransaction(std::move(below)), store_(store) {}
    Result<Version> Commit(Durability durability) override {
      if (std::exchange(store_.lost_one_, true)) return below_->Commit(durability);
      store_.late = std::move(below_);
      return Status(Code::kMaybeCommitted, "the answer is lost");
    }

   private:
    LateStore& store_;
  };
  bool lost_one_ = false;
};

// Counts in "n". Returns the number of the run as its reply.
class Counting {
 public:
  int runs = 0;
  std::function<Status()> during = [] { return OkStatus(); };

  Result<Outcome> Run(Store& store, const TransactOptions& options = {.clock = SystemClock()}) {
    return TransactOnce(store, options, "Q/1", [this](Transaction& t) -> Result<std::string> {
      ++runs;
      t.Add("n", 1);
      RETURN_IF_ERROR(during());
      return std::to_string(runs);
    });
  }
};

}  // namespace

TEST_P(StoreContract, ARepeatedOperationGivesItsReplyAndRunsNothing) {
  Counting counting;
  const Outcome first = counting.Run(store()).value();
  EXPECT_EQ(first.reply, "1");
  EXPECT_EQ(Value("Q/1"), "1");
  const Outcome again =
      counting.Run(store(), {.clock = SystemClock(), .durability = Durability::kDurable}).value();
  EXPECT_EQ(again.reply, "1");
  EXPECT_GE(again.version, first.version);
  EXPECT_EQ(counting.runs, 1);
  EXPECT_EQ(DecodeCounter(Value("n")).value(), 1);
}

TEST_P(StoreContract, AnErrorOfAnOperationIsNotRemembered) {
  Counting counting;
  counting.during = [] { return Status(Code::kNotEmpty, "no"); };
  EXPECT_EQ(counting.Run(store()).code(), Code::kNotEmpty);
  EXPECT_EQ(KeysIn(*Begin(), "", ""), Keys{});
  counting.during = [] { return OkStatus(); };
  EXPECT_EQ(counting.Run(store())->reply, "2");
  EXPECT_EQ(DecodeCounter(Value("n")).value(), 1);
}

TEST_P(StoreContract, ALateOriginalThatLandsFirstMakesItsRerunConflict) {
  LateStore late(store());
  Counting counting;
  counting.during = [&] { return late.late ? late.late->Commit({}).status() : OkStatus(); };
  EXPECT_EQ(counting.Run(late)->reply, "1");
  EXPECT_EQ(counting.runs, 2);
  EXPECT_EQ(DecodeCounter(Value("n")).value(), 1);
}

TEST_P(StoreContract, ALateOriginalConflictsWithTheRerunThatCommitted) {
  LateStore late(store());
  Counting counting;
  EXPECT_EQ(counting.Run(late)->reply, "2");
  EXPECT_EQ(CommitCode(*late.late), Code::kConflict);
  EXPECT_EQ(counting.Run(late)->reply, "2");
  EXPECT_EQ(DecodeCounter(Value("n")).value(), 1);
}

TEST_P(StoreContract, AnErrorOfTheRerunShutsOutTheLateOriginal) {
  LateStore late(store());
  Counting counting;
  counting.during = [&] { return late.late ? Status(Code::kNotEmpty, "no") : OkStatus(); };
  EXPECT_EQ(counting.Run(late).code(), Code::kNotEmpty);
  EXPECT_EQ(CommitCode(*late.late), Code::kConflict);
  EXPECT_EQ(KeysIn(*Begin(), "", ""), Keys{});
}

TEST_P(StoreContract, ALateOriginalThatLandsOutranksTheErrorOfItsRerun) {
  LateStore late(store());
  Counting counting;
  counting.during = [&] {
    if (!late.late) return OkStatus();
    EXPECT_EQ(CommitCode(*late.late), Code::kOk);
    return Status(Code::kExists, "the original made it");
  };
  EXPECT_EQ(counting.Run(late)->reply, "1");
  EXPECT_EQ(counting.runs, 2);
  EXPECT_EQ(DecodeCounter(Value("n")).value(), 1);
}

TEST_P(StoreContract, ALostAnswerThatIsNotSettledInTimeStaysUnknown) {
  LateStore late(store());
  Counting counting;
  counting.during = [&] {
    clock_.Advance(std::chrono::seconds(1));
    return OkStatus();
  };
  const Deadline deadline = Deadline::After(clock_, std::chrono::seconds(1));
  EXPECT_EQ(counting.Run(late, {.clock = clock_, .deadline = deadline}).code(),
            Code::kMaybeCommitted);
  EXPECT_EQ(counting.runs, 1);
  EXPECT_EQ(CommitCode(*late.late), Code::kOk);
  EXPECT_EQ(counting.Run(late)->reply, "1");
  EXPECT_EQ(DecodeCounter(Value("n")).value(), 1);
}

}  // namespace tarn::kv
