// EventLoop: threads that wait for sockets, timers and messages, by libuv. One actor a loop: what a
// loop owns is reached through `isolated Loop` parameters, checked by the compiler and free at run
// time. May import Addresses, Bytes, CSystem, Proxy and Threads; the only target that imports CLibuv.

internal import CLibuv
internal import CSystem

/// Something that finished elsewhere (on a disk thread, say) and has a last step on a loop.
public protocol Completion: AnyObject, Sendable {
  /// Runs on the loop that the completion was delivered to.
  func complete(on loop: isolated Loop)
}

/// Work of a loop that waits for the end of a wake-up, when everything that arrived has been handled.
public protocol DeferredWork: AnyObject {
  /// Runs on the loop that it was given to.
  func endOfWakeUp(on loop: isolated Loop)
}

/// An event loop on a thread of its own, and the actor that guards what belongs to it.
public actor Loop {
  nonisolated let executor: LoopExecutor

  /// Jobs of this actor run on the loop's thread.
  public nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

  /// Starts a loop; its thread runs until `stop`. `name` shows in process listings.
  public init(name: String) {
    executor = LoopExecutor()
    executor.start(self, name: name)
  }

  /// Monotonic time, read once per wake-up. Same clock as `Instant.now`.
  public var now: Instant { executor.now }

  /// Hands a completion over, from any thread. Deliveries from one thread keep their order. Takes a
  /// lock, and wakes the loop only if it was not already awake for another one.
  public nonisolated func deliver(_ completion: any Completion) { executor.deliver(completion) }

  /// Runs `work` on the loop soon, from any thread. Costs an allocation: for edges, not for blocks.
  public nonisolated func post(_ work: @escaping @Sendable (isolated Loop) -> Void) {
    deliver(PostedWork(work))
  }

  /// Has `work` run at the end of this wake-up, after all events that are due. For batching writes.
  public func atEndOfWakeUp(_ work: any DeferredWork) { executor.deferred.append(work) }

  /// Ends the loop: its handles are closed and its thread ends once the current wake-up is over.
  /// Work that arrives later is dropped. Idempotent; may be called from any thread.
  public nonisolated func stop() { executor.requestStop() }

  /// Waits for the thread to end after `stop`. Not to be called on the loop itself.
  public nonisolated func join() { executor.join() }
}

private final class PostedWork: Completion {
  private let work: @Sendable (isolated Loop) -> Void
  init(_ work: @escaping @Sendable (isolated Loop) -> Void) { self.work = work }
  func complete(on loop: isolated Loop) { work(loop) }
}
