internal import EventLoop

/// How a tracker comes to its front ends and its swarms.
struct TrackerBeginning {
  var frontEnds: FrontEnds
  var keeper: StateKeeper?
  var notices: [String] = []

  init(_ core: TrackerCore, _ inherited: ListeningSocketSet) throws(TrackerError) {
    let configuration = core.configuration
    guard let path = configuration.stateFolder else {
      frontEnds = try FrontEnds(core, inherited)
      return
    }
    do throws(HandOverFault) {
      let keeper = try StateKeeper(path, core.table, clock: core.clock)
      self.keeper = keeper
      if configuration.takesOver, let client = try HandOverClient.connect(keeper.folder.handOver) {
        (frontEnds, notices) = try Self.takeOver(client, keeper, core)
      } else {
        guard keeper.claim() else {
          throw HandOverFault(
            "the folder '\(path)' belongs to a tracker that runs: --take-over takes its place")
        }
        let loaded = keeper.load()
        notices += loaded.notice.map { [$0] } ?? []
        do throws(TrackerError) { frontEnds = try FrontEnds(core, inherited) } catch {
          throw HandOverFault(error.description)
        }
      }
      if let notice = keeper.start(frontEnds, every: configuration.snapshotInterval) {
        notices.append(notice)
      }
    } catch {
      throw TrackerError(description: error.description)
    }
  }

  /// Takes the place of the tracker that runs. It serves on unless everything succeeds.
  private static func takeOver(
    _ client: borrowing HandOverClient, _ keeper: StateKeeper, _ core: TrackerCore
  ) throws(HandOverFault) -> (FrontEnds, [String]) {
    var (sockets, secret) = try client.begin()
    var connections: [Int32] = []
    do throws(HandOverFault) {
      try keeper.loadHandedOver()
      connections = try client.take()
      try keeper.loadChanges()
      guard keeper.claim(within: 5) else { throw HandOverFault("the running tracker keeps its folder") }
      do throws(TrackerError) {
        let taken = sockets
        sockets = ListeningSocketSet()
        let frontEnds = try FrontEnds(core, taken, secret: secret.isEmpty ? nil : secret)
        frontEnds.http?.adopt(connections)
        // The folder is ours: if the other process is gone, or does not hear it, it does not go on all the same.
        client.finish()
        return (frontEnds, ["took the place of the tracker that ran"])
      } catch {
        throw HandOverFault(error.description)
      }
    } catch {
      sockets.close()
      for connection in connections { TCP.close(connection) }
      keeper.release()
      client.giveUp(error.description)
      throw error
    }
  }
}
