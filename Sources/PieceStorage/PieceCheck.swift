public import Bytes
internal import CSystem
import Digest
public import EventLoop
public import Metainfo
internal import Synchronization
internal import Threads

/// How far a check is.
public struct CheckProgress: Sendable, Equatable {
  /// Bytes that have been looked at, holes and missing files included.
  public var done: Int64
  /// Bytes to be looked at in all.
  public var total: Int64
}

/// Reads pieces from the disk and compares their hashes: all of a torrent, or some. In file order, on
/// several threads, each with 512 KiB of memory and up to 16 pieces at once; holes are recognised without
/// reading them.
///
/// One check is run once.
public final class PieceCheck: Sendable {
  struct State {
    var good: Bitfield
    var files: [Int: FileFault.Reason] = [:]
    var damagedPerFile: [Int: Int] = [:]
    var done: Int64 = 0
    var running = 0
    /// Digests of a full piece of zeros match this piece's; learnt at the first hole.
    var zeroDigests: ZeroDigests?
  }

  let storage: TorrentStorage
  let layers: PieceLayers
  let pieces: Bitfield?
  let state: Mutex<State>
  /// The size of each file that is there, by place; a file that is not has none.
  let sizes: [Int: (size: Int64, isSparse: Bool)]
  /// Bytes to be checked.
  public let total: Int64
  private let next = Atomic(0)
  private let isCancelled = Atomic(false)
  private let progress: (@Sendable (CheckProgress) -> Void)?
  private let pieceCount: Int

  /// A check of `storage`'s pieces. Looks at the files' sizes at once, so not on a loop.
  ///
  /// - Parameters:
  ///   - storage: the files.
  ///   - layers: the piece hashes of v2; a piece whose hash is not known counts as damaged.
  ///   - pieces: those to be checked; all if `nil`.
  ///   - progress: called now and then, on the threads that check.
  public init(
    _ storage: TorrentStorage, layers: PieceLayers, pieces: Bitfield? = nil,
    progress: (@Sendable (CheckProgress) -> Void)? = nil
  ) {
    self.storage = storage
    self.layers = layers
    self.pieces = pieces
    self.progress = progress
    let info = storage.info
    storage.readPartMap()
    var walk = StatusWalk(storage)
    var sizes: [Int: (size: Int64, isSparse: Bool)] = [:]
    var faults: [Int: FileFault.Reason] = [:]
    for (index, file) in info.files.enumerated() where !file.isPadding {
      let found = walk.status(index)
      if let found, found.kind == 1 { sizes[index] = (found.size, found.allocated < found.size) }
      guard pieces == nil, storage.isWanted(index) else { continue }
      if found == nil { faults[index] = .missing }
      if let found, !file.isSymbolicLink {
        faults[index] = Self.fault(kind: found.kind, size: found.size, length: file.length)
      }
    }
    if let found = walk.status(storage.partStore), found.kind == 1 {
      sizes[storage.partStore] = (found.size, true)
    }
    self.sizes = sizes
    pieceCount = info.pieceCount
    total = (0..<info.pieceCount).reduce(0) { sum, piece in
      pieces?[piece] ?? true ? sum + Int64(info.pieceSize(piece)) : sum
    }
    state = Mutex(State(good: Bitfield(count: info.pieceCount), files: faults))
  }

  private static func fault(kind: Int32, size: Int64, length: Int64) -> FileFault.Reason? {
    guard kind == 1 else { return .notAFile }
    return size == length ? nil : size < length ? .short(size) : .long(size)
  }

  /// Ends the check soon; pieces that were not reached count as not good.
  public func cancel() { isCancelled.store(true, ordering: .relaxed) }

  /// Checks on `threads` threads of its own and waits for the end.
  public func run(threads: Int) -> CheckReport {
    let count = max(1, min(threads, pieceCount))
    let workers = (0..<count).map { _ in
      WorkerThread(name: "check") { [self] in
        let worker = CheckWorker(self, DiskThread())
        while let unit = takeUnit(threads: count, limit: .max) { check(unit, worker) }
      }
    }
    for worker in workers { worker.join() }
    return report()
  }

  /// Checks on a pool's threads as background work, at most `width` of them at a time.
  ///
  /// - Parameters:
  ///   - pool: whose threads.
  ///   - width: how many of them at most.
  ///   - loop: where the result goes.
  ///   - then: called there at the end; never if the pool is stopped before.
  public func start(
    on pool: DiskPool, width: Int, loop: Loop, then: @escaping (isolated Loop, CheckReport) -> Void
  ) {
    let end = CheckEnd(self, then)
    let count = max(1, min(width, pieceCount))
    state.withLock { $0.running = count }
    for _ in 0..<count { pool.submit(CheckJob(self, pool, loop, end, width: count), isBackground: true) }
  }

  /// The pieces of the next unit: as many as are hashed at once, and at most `limit` bytes of them; fewer at
  /// the end, so that all threads end together. `nil` when there are no more.
  fileprivate func takeUnit(threads: Int, limit: Int) -> Range<Int>? {
    while !isCancelled.load(ordering: .relaxed) {
      let first = next.load(ordering: .relaxed)
      let left = pieceCount - first
      guard left > 0 else { return nil }
      let most = min(
        PieceHasher.width, max(1, limit / max(1, storage.info.pieceLength)), (left + threads - 1) / threads)
      var end = first
      var found = 0
      while end < pieceCount, found < most {
        if pieces?[end] ?? true { found += 1 }
        end += 1
      }
      let (isMine, _) = next.compareExchange(expected: first, desired: end, ordering: .relaxed)
      if isMine { return first..<end }
    }
    return nil
  }

  fileprivate func check(_ unit: Range<Int>, _ worker: CheckWorker) {
    let bytes = worker.check(unit)
    guard let progress, bytes > 0 else { return }
    let done = state.withLock { state in
      state.done += bytes
      return state.done
    }
    progress(CheckProgress(done: done, total: total))
  }

  /// One thread has no more to do; true for the last of them.
  fileprivate func endThread() -> Bool {
    state.withLock { state in
      state.running -= 1
      return state.running == 0
    }
  }

  fileprivate func report() -> CheckReport {
    state.withLock { state in
      var faults = state.files
      for (file, count) in state.damagedPerFile where faults[file] == nil {
        faults[file] = .damaged(pieces: count)
      }
      return CheckReport(
        good: state.good,
        damaged: (0..<state.good.count).filter { (pieces?[$0] ?? true) && !state.good[$0] },
        files: faults.sorted { $0.key < $1.key }.map { FileFault(file: $0.key, reason: $0.value) })
    }
  }
}

/// One unit of a check on a pool's thread; then it queues itself for the next one.
private final class CheckJob: DiskJob, @unchecked Sendable {
  private let check: PieceCheck
  private let pool: DiskPool
  private let loop: Loop
  private let end: CheckEnd
  private let width: Int
  private var worker: CheckWorker?
  /// Others wait for the thread meanwhile.
  private static let limit = 32 << 20

  init(_ check: PieceCheck, _ pool: DiskPool, _ loop: Loop, _ end: CheckEnd, width: Int) {
    self.check = check
    self.width = width
    self.pool = pool
    self.loop = loop
    self.end = end
  }

  func run(on thread: DiskThread) {
    guard let unit = check.takeUnit(threads: width, limit: Self.limit) else {
      if check.endThread() { loop.deliver(end) }
      return
    }
    // Digest contexts belong to the thread, the buffer to the job.
    let worker = worker ?? CheckWorker(check, thread)
    worker.thread = thread
    self.worker = worker
    check.check(unit, worker)
    pool.submit(self, isBackground: true)
  }
}

/// The last step of a check. Unchecked `Sendable`: `then` is touched on the loop only.
private final class CheckEnd: Completion, @unchecked Sendable {
  private let check: PieceCheck
  private var then: ((isolated Loop, CheckReport) -> Void)?

  init(_ check: PieceCheck, _ then: @escaping (isolated Loop, CheckReport) -> Void) {
    self.check = check
    self.then = then
  }

  func complete(on loop: isolated Loop) {
    if let then = then.take() { then(loop, check.report()) }
  }
}
