public import EventLoop

/// One closure on a disk thread, its result on a loop: for what happens once in a while (preparing,
/// loading the journal, closing), not for blocks.
///
/// Unchecked `Sendable`: `result` is set before the delivery and read after it; `then` is touched on
/// the loop only.
public final class DiskWork<Result: Sendable>: DiskJob, Completion, @unchecked Sendable {
  private let loop: Loop
  private let work: @Sendable (DiskThread) -> Result
  private var then: ((isolated Loop, Result) -> Void)?
  private var result: Result?

  /// `work` runs on a disk thread once this is submitted to a pool; `then` gets its result on `loop`.
  public init(
    on loop: Loop, _ work: @escaping @Sendable (DiskThread) -> Result,
    then: @escaping (isolated Loop, Result) -> Void
  ) {
    self.loop = loop
    self.work = work
    self.then = then
  }

  /// Does the work and delivers its result.
  public func run(on thread: DiskThread) {
    result = work(thread)
    loop.deliver(self)
  }

  /// Hands the result over.
  public func complete(on loop: isolated Loop) {
    // Dropped here, so that what the closure holds is let go of on its own loop.
    if let then = then.take(), let result { then(loop, result) }
  }
}
