/// Has something done at the end of the wake-up, for code that is on the loop without having it at hand.
/// Confined to its loop; holds the work strongly until closed.
public final class DeferredCall: DeferredWork {
  private let executor: LoopExecutor
  private var work: (any DeferredWork)?
  private var isScheduled = false

  init(_ executor: LoopExecutor, _ work: any DeferredWork) {
    self.executor = executor
    self.work = work
  }

  /// Has the work done once at the end of this wake-up, however often this is called.
  public func schedule() {
    guard !isScheduled else { return }
    isScheduled = true
    executor.deferred.append(self)
  }

  /// Does the work.
  public func endOfWakeUp(on loop: isolated Loop) {
    isScheduled = false
    work?.endOfWakeUp(on: loop)
  }

  /// Lets go of the work.
  public func close() { work = nil }
}

extension Loop {
  /// Something that `work` can be put off with.
  public func deferredCall(_ work: any DeferredWork) -> DeferredCall { DeferredCall(executor, work) }
}
