/// What the bytes sent are made of, as metrics that add up. Main thread, at start.
#pragma once

#include "app/metric_registrar.h"
#include "net/enet_transport.h"
#include "replication/replicator.h"
#include "session/player_sessions.h"

namespace bluemarble::app {

/// "welcome": of the reliable messages that net::MessageField gives this number; 0: "other".
const char* MessageFieldName(size_t field);

void RegisterBytes(Registrar& add, const replication::ReplicationStats& replication,
                   const session::SessionStats& sessions, const net::EnetTransport& transport);

}  // namespace bluemarble::app
