// Keys that a program prints. `credential_process` in a profile names it.

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "s3wire/xml.h"
#include "ufs/s3/credentials/credential_requests.h"
#include "ufs/s3/credentials/run_program.h"

namespace tarn::ufs::s3 {
namespace {

constexpr Nanos kProgramTimeout = std::chrono::minutes(1);
constexpr size_t kMostErrorBytes = 400;

// The end of its standard error, on one line.
std::string Said(const ProgramOutput& output) {
  std::string text(Trimmed(output.error_text));
  if (text.size() > kMostErrorBytes) text = "..." + text.substr(text.size() - kMostErrorBytes);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  return text.empty() ? "it printed nothing to standard error" : "it said: " + text;
}

Status Failed(const std::string& program, std::string_view why) {
  return Status(Code::kPermission, Concat("credential_process ", program, ": ", why));
}

// The output may hold a secret, so no message shows it.
Result<TimedCredentials> KeysOfOutput(const std::string& program, const ProgramOutput& output) {
  const nlohmann::json json = nlohmann::json::parse(output.text, nullptr, false);
  if (!json.is_object()) {
    return Failed(program, Concat("what it printed is no JSON object; ", Said(output)));
  }
  const auto version = json.find("Version");
  if (version == json.end() || !version->is_number_integer() || version->get<int64_t>() != 1) {
    return Failed(program, "what it printed has not \"Version\": 1, the only one that is known");
  }
  return KeysOfJson(output.text, Concat("credential_process ", program), {.token = "SessionToken"});
}

}  // namespace

Result<TimedCredentials> KeysOfProcess(const std::string& command, const CallOptions& call,
                                       const Clock& clock) {
  const Result<std::vector<std::string>> words = SplitWords(command);
  if (!words.ok()) return Failed(command, words.status().message());
  if (words->empty()) return Failed(command, "it names no program");
  const std::string& program = words->front();
  CallOptions bounded = call;
  const Deadline own = Deadline::After(clock, kProgramTimeout);
  if (own.at() < call.deadline.at()) bounded.deadline = own;
  const Result<ProgramOutput> output = RunProgram(*words, bounded, clock);
  if (!output.ok()) {
    const bool ended =
        output.code() == Code::kDeadlineExceeded || output.code() == Code::kCancelled;
    return Status(ended ? output.code() : Code::kPermission,
                  Concat("credential_process: ", output.status().message(),
                         ended ? "" : "; give its whole path: no ~ or variable is expanded"));
  }
  if (output->exit_status != 0) {
    return Failed(program, Concat("exit status ", output->exit_status, "; ", Said(*output)));
  }
  if (output->cut) return Failed(program, "it printed more than 64 KiB");
  return KeysOfOutput(program, *output);
}

}  // namespace tarn::ufs::s3
