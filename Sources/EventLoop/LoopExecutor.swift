internal import CLibuv
internal import CSystem
internal import Glibc
internal import Synchronization
internal import Threads

/// The thread behind a `Loop`: libuv's loop, the queue of actor jobs and the inbox of completions.
///
/// Unchecked `Sendable`: `shared` is behind a lock, everything else is touched by the loop's thread
/// only, after `start`.
@safe
final class LoopExecutor: SerialExecutor, @unchecked Sendable {
  private struct Shared {
    var jobs: [UnownedJob] = []
    var inbox: [any Completion] = []
    var awake = false
    var stopping = false
    var ended = false
  }

  /// Why C hands control to Swift. Not a closure: that would be allocated, several times a wake-up.
  enum Entry {
    /// Completions or jobs have come.
    case inbox
    /// All events that were due have been handled.
    case endOfWakeUp
    /// A watched descriptor is ready.
    case ready(SocketWatcher, Readiness)
    /// A timer is due.
    case fired(LoopTimer)
  }

  private let shared = Mutex(Shared())
  private let threadID = Atomic<UInt>(0)
  private var jobs: [UnownedJob] = []
  private var inbox: [any Completion] = []
  private var thread: WorkerThread?
  private weak var loop: Loop?
  private let wakeUp: UnsafeMutablePointer<uv_async_t>
  private let prepare: UnsafeMutablePointer<uv_prepare_t>
  let uv: UnsafeMutablePointer<uv_loop_t>
  var deferred: [any DeferredWork] = []
  private var running: [any DeferredWork] = []
  /// The time of this wake-up.
  var now: Instant = .now
  /// The owner while its thread runs; the thread holds it strongly.
  private(set) var owner: Loop?
  /// `dispatch` as a function that takes the loop from outside of its isolation; made once.
  private var entrance: ((Loop) -> Void)?
  private var entry = Entry.inbox

  init() {
    unsafe uv = .allocate(capacity: 1)
    unsafe wakeUp = .allocate(capacity: 1)
    unsafe prepare = .allocate(capacity: 1)
  }

  deinit {
    unsafe uv.deallocate()
    unsafe wakeUp.deallocate()
    unsafe prepare.deallocate()
  }

  func start(_ loop: Loop, name: String) {
    let reference = unsafe Unmanaged.passUnretained(self).toOpaque()
    let ready = unsafe uv_loop_init(uv)
    precondition(ready == 0, "cannot make an event loop: out of file descriptors or memory")
    unsafe wakeUp.pointee.data = reference
    unsafe prepare.pointee.data = reference
    let made = unsafe uv_async_init(uv, wakeUp) { handle in
      guard let executor = unsafe LoopExecutor.from(handle?.pointee.data) else { return }
      executor.drain()
    }
    precondition(made == 0, "cannot make an event loop: out of file descriptors")
    unsafe uv_prepare_init(uv, prepare)
    unsafe uv_prepare_start(prepare) { handle in
      guard let executor = unsafe LoopExecutor.from(handle?.pointee.data) else { return }
      executor.endOfWakeUp()
    }
    owner = loop
    let dispatch: (isolated Loop) -> Void = { loop in self.dispatch(on: loop) }
    unsafe entrance = unsafeBitCast(dispatch, to: ((Loop) -> Void).self)
    thread = WorkerThread(name: name) { [self] in run() }
  }

  static func from(_ data: UnsafeMutableRawPointer?) -> LoopExecutor? {
    unsafe data.map { unsafe Unmanaged<LoopExecutor>.fromOpaque($0).takeUnretainedValue() }
  }

  /// Lets `assumeIsolated` succeed on the loop's thread, where libuv calls back outside of any job.
  func isIsolatingCurrentContext() -> Bool? { threadID.load(ordering: .relaxed) == UInt(pthread_self()) }

  func checkIsolated() {
    precondition(isIsolatingCurrentContext() == true, "not on the loop's thread")
  }

  private func run() {
    threadID.store(UInt(pthread_self()), ordering: .relaxed)
    unsafe uv_run(uv, UV_RUN_DEFAULT)
    unsafe uv_loop_close(uv)
    let left = shared.withLock { shared in
      shared.ended = true
      let left = (shared.jobs, shared.inbox)
      shared.jobs = []
      shared.inbox = []
      return left
    }
    // Actor jobs must still run, or their callers would wait for ever.
    for job in left.0 { unsafe job.runSynchronously(on: asUnownedSerialExecutor()) }
    deferred = []
    owner = nil
    entrance = nil
  }

  // MARK: From any thread

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let state = shared.withLock { shared in
      if !shared.ended { shared.jobs.append(job) }
      let wake = !shared.awake
      shared.awake = true
      return (wake: wake && !shared.ended, ended: shared.ended)
    }
    if state.wake { unsafe uv_async_send(wakeUp) }
    if state.ended { unsafe job.runSynchronously(on: asUnownedSerialExecutor()) }
  }

  func deliver(_ completion: any Completion) {
    let wake = shared.withLock { shared in
      guard !shared.ended else { return false }
      shared.inbox.append(completion)
      let wake = !shared.awake
      shared.awake = true
      return wake
    }
    if wake { unsafe uv_async_send(wakeUp) }
  }

  func requestStop() {
    let wake = shared.withLock { shared in
      shared.stopping = true
      return !shared.ended
    }
    if wake { unsafe uv_async_send(wakeUp) }
  }

  func join() {
    thread?.join()
  }

  // MARK: On the loop's thread

  /// Enters the actor; the only place where C hands control to Swift. `assumeIsolated` would do the same,
  /// by the same cast, but allocates what its closure captures.
  func enter(_ entry: Entry) {
    guard let owner, let entrance else { return }
    checkIsolated()
    now = .now
    self.entry = entry
    entrance(owner)
  }

  private func dispatch(on loop: isolated Loop) {
    let entry = entry
    self.entry = .inbox
    switch entry {
    case .inbox:
      for completion in inbox { completion.complete(on: loop) }
    case .endOfWakeUp:
      while !deferred.isEmpty {
        swap(&running, &deferred)
        for work in running { work.endOfWakeUp(on: loop) }
        running.removeAll(keepingCapacity: true)
      }
    case .ready(let watcher, let events): watcher.ready(events, on: loop)
    case .fired(let timer): timer.fired(on: loop)
    }
  }

  private func drain() {
    let stopping = shared.withLock { shared in
      swap(&shared.jobs, &jobs)
      swap(&shared.inbox, &inbox)
      shared.awake = false
      return shared.stopping
    }
    enter(.inbox)
    inbox.removeAll(keepingCapacity: true)
    for job in jobs { unsafe job.runSynchronously(on: asUnownedSerialExecutor()) }
    jobs.removeAll(keepingCapacity: true)
    if stopping { close() }
  }

  private func endOfWakeUp() {
    if !deferred.isEmpty { enter(.endOfWakeUp) }
  }

  private func close() {
    unsafe uv_walk(
      uv,
      { handle, _ in
        guard let handle = unsafe handle, unsafe uv_is_closing(handle) == 0 else { return }
        switch unsafe handle.pointee.type {
        case UV_ASYNC, UV_PREPARE: unsafe uv_close(handle, nil)
        default: unsafe uv_close(handle) { unsafe LoopHandle.release($0) }
        }
      }, nil)
  }
}
