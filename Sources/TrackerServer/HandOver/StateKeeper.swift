internal import CSystem
internal import EventLoop
internal import Glibc
internal import Synchronization
import Threads

/// The front ends, as the keeper of the state needs them.
protocol HandedFrontEnds: AnyObject, Sendable {
  /// The descriptors of all sockets that are listened on.
  var listeningDescriptors: [Int32] { get }
  /// What the connection ids are made with.
  var connectionSecret: [UInt8] { get }
  /// Reads no more from the sockets, accepts no more; what was read is answered. Returns when that is so, with the
  /// descriptors of connections that another process can serve.
  func pause() -> [Int32]
  /// Reads and accepts again.
  func resume()
}

/// Keeps a tracker's state in a folder: loads it at the start, writes it every now and then and at the end, and hands
/// it over to a new process with the sockets.
///
/// Before all that it locks the folder, so that two trackers never write the same file.
final class StateKeeper: HandingOver {
  /// How a tracker starts.
  struct Start {
    /// What was loaded.
    var loaded: SnapshotSummary?
    /// What an operator should know: of a snapshot that could not be used.
    var notice: String?
  }

  let folder: StateFolder
  private let table: SwarmTable
  private let clock: @Sendable () -> UInt32
  private let lock: Int32
  private let loop: Loop
  private struct Progress {
    weak var frontEnds: (any HandedFrontEnds)?
    var server: HandOverServer?
    /// When the snapshot for the new process was begun.
    var since: UInt32 = 0
    var isStarted = false
    var isPaused = false
    var isHandedOver = false
    var lastFault: String?
  }
  private let progress = Mutex(Progress())
  /// Held while a snapshot is written.
  private let writing = Mutex(())

  /// Opens and locks the folder.
  init(_ path: String, _ table: SwarmTable, clock: @escaping @Sendable () -> UInt32) throws(HandOverFault) {
    do throws(SnapshotFault) { folder = try StateFolder(path) } catch {
      throw HandOverFault(error.description)
    }
    lock = unsafe apus_open(path, O_RDONLY | O_DIRECTORY, 0)
    guard lock >= 0 else { throw HandOverFault(system: "cannot use the folder '\(path)'") }
    self.table = table
    self.clock = clock
    loop = Loop(name: "state")
  }

  deinit {
    stop()
    TCP.close(lock)
  }

  /// Whether a new process has taken the tracker's place.
  var isHandedOver: Bool { progress.withLock { $0.isHandedOver } }
  /// What went wrong with the last snapshot.
  var lastFault: String? { progress.withLock { $0.lastFault } }

  // MARK: Starting

  /// Claims the folder; false if another tracker has it.
  func claim(within seconds: Double = 0) -> Bool {
    let end = Instant.now.nanoseconds + UInt64(seconds * 1e9)
    while flock(lock, LOCK_EX | LOCK_NB) != 0 {
      guard Instant.now.nanoseconds < end else { return false }
      usleep(20_000)
    }
    return true
  }

  /// Leaves the folder to another tracker.
  func release() { flock(lock, LOCK_UN) }

  /// Loads the snapshot; one that cannot be used is put aside.
  func load() -> Start {
    do throws(SnapshotFault) {
      let threads = Processors.count
      return Start(loaded: try folder.read(folder.snapshot, into: table, now: clock(), threads: threads))
    } catch {
      let aside = folder.putAside(folder.snapshot)
      let kept = aside.map { "; it is kept as '\($0)'" } ?? ""
      return Start(notice: "the snapshot '\(folder.snapshot)' is not used: \(error)\(kept)")
    }
  }

  /// Loads the snapshot that the tracker before has just written; without it there is nothing to take over.
  func loadHandedOver() throws(HandOverFault) {
    do throws(SnapshotFault) {
      let threads = Processors.count
      guard try folder.read(folder.snapshot, into: table, now: clock(), threads: threads) != nil else {
        throw SnapshotFault.cutShort
      }
    } catch {
      throw HandOverFault("the snapshot of the running tracker cannot be used: \(error)")
    }
  }

  /// Loads what changed between the snapshot and the moment at which the tracker before read no more.
  func loadChanges() throws(HandOverFault) {
    defer { unsafe unlink(folder.changes) }
    do throws(SnapshotFault) {
      _ = try folder.read(folder.changes, into: table, now: clock(), replacing: true, threads: 1)
    } catch {
      throw HandOverFault("what changed during the hand-over is lost: \(error)")
    }
  }

  /// Writes snapshots from now on, and lets new processes take over.
  func start(_ frontEnds: any HandedFrontEnds, every seconds: Double) -> String? {
    let me = WeakKeeper(self)
    loop.post { loop in
      let timer = loop.timer { _ in me.keeper?.save() }
      timer.set(every: seconds)
    }
    progress.withLock {
      $0.frontEnds = frontEnds
      $0.isStarted = true
    }
    do throws(HandOverFault) {
      let server = try HandOverServer(folder.handOver, for: self)
      progress.withLock { $0.server = server }
      return nil
    } catch {
      return "no other process can take over: \(error)"
    }
  }

  // MARK: Snapshots

  /// Writes a snapshot, unless the state belongs to another process by now.
  func save() {
    guard progress.withLock({ !$0.isPaused && !$0.isHandedOver }) else { return }
    let fault = writing.withLock { _ in
      do throws(SnapshotFault) {
        _ = try folder.write(table, to: folder.snapshot, clock: clock)
        return nil as String?
      } catch {
        return error.description
      }
    }
    progress.withLock { $0.lastFault = fault }
  }

  /// Ends; with a last snapshot, if the state is ours. Idempotent.
  func stop() {
    let (server, wasStarted) = progress.withLock { progress in
      defer {
        progress.server = nil
        progress.isStarted = false
      }
      return (progress.server, progress.isStarted)
    }
    server?.stop()
    loop.stop()
    loop.join()
    guard wasStarted else { return }
    save()
    release()
  }

  // MARK: Handing over

  func prepareHandOver() throws(HandOverFault) -> (descriptors: [Int32], secret: [UInt8]) {
    guard let frontEnds = progress.withLock({ $0.frontEnds }) else {
      throw HandOverFault("the running tracker is about to end")
    }
    let began = clock()
    try write(to: folder.snapshot, since: nil)
    progress.withLock { $0.since = began }
    return (frontEnds.listeningDescriptors, frontEnds.connectionSecret)
  }

  func pauseForHandOver() throws(HandOverFault) -> [Int32] {
    let (frontEnds, since) = progress.withLock { progress in
      progress.isPaused = true
      return (progress.frontEnds, progress.since)
    }
    let connections = frontEnds?.pause() ?? []
    try write(to: folder.changes, since: since)
    release()
    return connections
  }

  func resume() {
    // Whoever has the folder serves: the new process may have begun to, and not been heard.
    guard claim(within: 10) else { return handedOver() }
    unsafe unlink(folder.changes)
    progress.withLock { $0.frontEnds }?.resume()
    progress.withLock { $0.isPaused = false }
  }

  func handedOver() {
    progress.withLock { progress in
      progress.server?.leavePath()
      progress.isHandedOver = true
    }
  }

  private func write(to path: String, since: UInt32?) throws(HandOverFault) {
    let fault = writing.withLock { _ in
      do throws(SnapshotFault) {
        _ = try folder.write(table, to: path, since: since, isDurable: false, clock: clock)
        return nil as SnapshotFault?
      } catch {
        return error
      }
    }
    if let fault { throw HandOverFault(fault.description) }
  }
}

private final class WeakKeeper: Sendable {
  private let reference: Mutex<Weak>
  private struct Weak { weak var keeper: StateKeeper? }
  init(_ keeper: StateKeeper) { reference = Mutex(Weak(keeper: keeper)) }
  var keeper: StateKeeper? { reference.withLock { $0.keeper } }
}
