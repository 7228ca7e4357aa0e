public import EventLoop

/// Makes written pieces ours: waits until their bytes are on the disk, then until the journal says so.
/// Submit it to a `DiskPool`; never two of one torrent at a time.
///
/// Unchecked `Sendable`: `failure` is set before the delivery and read after it; `then` is touched on
/// the loop only.
public final class SyncEpoch: DiskJob, Completion, @unchecked Sendable {
  /// The pieces: all reported as written before this is submitted.
  public let pieces: [Int]
  /// Why they are not ours. They must then be fetched anew: what a failed sync left behind may be gone
  /// even if a later one succeeds.
  public private(set) var failure: StorageError?
  private let journal: ResumeJournal
  private let loop: Loop
  private var then: ((isolated Loop, SyncEpoch) -> Void)?

  /// An epoch of `pieces`; `then` is called on `loop` when they are ours, or with a failure.
  public init(
    pieces: [Int], journal: ResumeJournal, loop: Loop, then: @escaping (isolated Loop, SyncEpoch) -> Void
  ) {
    self.pieces = pieces
    self.journal = journal
    self.loop = loop
    self.then = then
  }

  /// Syncs and records, then delivers itself.
  public func run(on thread: DiskThread) {
    do throws(StorageError) { try journal.commit(pieces) } catch { failure = error }
    loop.deliver(self)
  }

  /// Tells the owner.
  public func complete(on loop: isolated Loop) {
    if let then = then.take() { then(loop, self) }
  }
}
