#pragma once

// Between the plain values of rpc/ and their protobuf twins. Internal to rpc/: who calls it
// includes the generated code.

#include "rpc/control.h"

namespace grpc {
class Status;
}
namespace tarn::control {
class ListReply;
class PathInfo;
class QueueEntry;
class QueueTotals;
class ServerInfo;
class UfsMountInfo;
class UfsMountRequest;
}  // namespace tarn::control

namespace tarn::rpc {

// Keeps the library initialized until the process ends: its teardown, when the last channel or
// server goes, may wait ten seconds for a poller of its own. Call it before the first of them.
void KeepGrpc();

grpc::Status ToGrpc(const Status& status);
Status FromGrpc(const grpc::Status& status);

void ToWire(const ServerInfo& from, control::ServerInfo* to);
void ToWire(const PathInfo& from, control::PathInfo* to);
void ToWire(const Control::ListReply& from, control::ListReply* to);
void ToWire(const QueueEntry& from, control::QueueEntry* to);
void ToWire(const QueueTotals& from, control::QueueTotals* to);
void ToWire(const UfsMountInfo& from, control::UfsMountInfo* to);
void ToWire(const Control::UfsMountRequest& from, control::UfsMountRequest* to);

ServerInfo FromWire(const control::ServerInfo& from);
PathInfo FromWire(const control::PathInfo& from);
Control::ListReply FromWire(const control::ListReply& from);
QueueEntry FromWire(const control::QueueEntry& from);
QueueTotals FromWire(const control::QueueTotals& from);
UfsMountInfo FromWire(const control::UfsMountInfo& from);
Control::UfsMountRequest FromWire(const control::UfsMountRequest& from);

}  // namespace tarn::rpc
