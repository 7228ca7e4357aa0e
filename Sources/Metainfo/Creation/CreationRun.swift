import Digest
internal import Synchronization
import Threads

/// The hashing of one torrent on many threads: they take pieces in order, up to 16 at a time, so that the
/// disk sees readers that move forward together.
final class CreationRun: Sendable {
  /// The hashes of all pieces; empty where the version has none.
  struct Hashes: Sendable {
    var v1: [SHA1Digest] = []
    var v2: [SHA256Digest] = []
  }

  private struct State {
    var hashes = Hashes()
    var error: CreationError?
    var done: Int64 = 0
    var reported: Int64 = 0
  }

  private let plan: CreationPlan
  private let progress: (@Sendable (ProgressCount) -> Void)?
  private let total: Int64
  private let next = Atomic<Int>(0)
  private let state: Mutex<State>

  init(plan: CreationPlan, progress: (@Sendable (ProgressCount) -> Void)?) {
    self.plan = plan
    self.progress = progress
    total = plan.layout.contentLength
    var state = State()
    let count = plan.pieceCount
    if plan.version.hasV1 {
      state.hashes.v1 = [SHA1Digest](repeating: SHA256Digest.zero.truncated, count: count)
    }
    if plan.version.hasV2 { state.hashes.v2 = [SHA256Digest](repeating: .zero, count: count) }
    self.state = Mutex(state)
  }

  /// Hashes all pieces; blocks until done.
  func run(threads: Int) throws(CreationError) -> Hashes {
    let count = max(1, min(threads, plan.pieceCount))
    let workers = (0..<count).map { _ in WorkerThread(name: "apus-create") { [self] in work(count) } }
    for worker in workers { worker.join() }
    let (hashes, error) = state.withLock { ($0.hashes, $0.error) }
    if let error { throw error }
    return hashes
  }

  private func work(_ threads: Int) {
    var hasher = CreationHasher(plan)
    while let pieces = take(threads) {
      var goesOn = true
      do throws(CreationError) {
        try hasher.hash(pieces) { goesOn = note($1, of: $0) && goesOn }
      } catch {
        state.withLock { if $0.error == nil { $0.error = error } }
        return
      }
      if !goesOn { return }
    }
  }

  /// The next pieces of a thread; at the end they are fewer, so that all threads end together.
  private func take(_ threads: Int) -> Range<Int>? {
    let most = CreationHasher.width(plan)
    while true {
      let first = next.load(ordering: .relaxed)
      let left = plan.pieceCount - first
      guard left > 0 else { return nil }
      let end = first + min(most, (left + threads - 1) / threads)
      let (isMine, _) = next.compareExchange(expected: first, desired: end, ordering: .relaxed)
      if isMine { return first..<end }
    }
  }

  /// Keeps the hashes of a piece; returns whether to go on.
  private func note(_ hashes: PieceHashes, of piece: Int) -> Bool {
    let content = content(ofPiece: piece)
    let (goesOn, report) = state.withLock { state in
      if let hash = hashes.v1 { state.hashes.v1[piece] = hash }
      if let hash = hashes.v2 { state.hashes.v2[piece] = hash }
      state.done += content
      // A thousand reports and one at the end, however many pieces there are.
      let isDue = state.done == total || state.done - state.reported >= total / 1000
      if isDue { state.reported = state.done }
      return (state.error == nil, isDue ? state.done : nil)
    }
    if let report { progress?(ProgressCount(done: report, total: total)) }
    return goesOn
  }

  private func content(ofPiece piece: Int) -> Int64 {
    let size = plan.size(ofPiece: piece)
    var content: Int64 = 0
    for segment in Segments(extents: plan.extents, start: plan.start(ofPiece: piece), length: size)
    where !segment.isPadding {
      content += Int64(segment.length)
    }
    return content
  }
}
