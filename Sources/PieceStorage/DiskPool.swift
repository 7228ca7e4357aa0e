import Digest
internal import Glibc
internal import Threads

/// Work for a disk thread. What has a last step on a loop delivers itself there at the end of `run`.
public protocol DiskJob: AnyObject, Sendable {
  /// Does the work; may block. `thread` has what a disk thread keeps from job to job.
  func run(on thread: DiskThread)
}

/// Threads that read, write and hash, fed from one queue. Thread-safe.
///
/// Jobs start in the order of their submission; with more than one thread they may end in another. Those
/// that somebody waits for, such as reads for peers, overtake the others: a slow disk has a queue of writes
/// that is seconds long. Pieces to be written take turns with the rest: a thread takes all that wait, up to 16,
/// because hashing them side by side costs much less. None waits for others to come.
/// Unchecked `Sendable`: everything mutable is behind `lock`.
@safe
public final class DiskPool: @unchecked Sendable {
  private let lock: UnsafeMutablePointer<pthread_mutex_t>
  private let wakeUp: UnsafeMutablePointer<pthread_cond_t>
  private var urgent = JobQueue()
  private var usual = JobQueue()
  private var writes = JobQueue()
  /// Whether the last of both was pieces: then one of the usual ones comes next.
  private var wasWrite = false
  /// Whether the last job was an urgent one: then one of the others comes next, so that they never starve.
  private var wasUrgent = false
  private var background = JobQueue()
  private var idle = 0
  private var stopping = false
  private var threads: [WorkerThread] = []

  /// Starts `threads` threads, at least one. Two or more keep reads from waiting for a slow sync.
  public init(threads count: Int) {
    unsafe lock = .allocate(capacity: 1)
    unsafe wakeUp = .allocate(capacity: 1)
    unsafe pthread_mutex_init(lock, nil)
    unsafe pthread_cond_init(wakeUp, nil)
    threads = (0..<max(1, count)).map { _ in WorkerThread(name: "disk") { [unowned self] in work() } }
  }

  deinit {
    stop()
    unsafe pthread_cond_destroy(wakeUp)
    unsafe pthread_mutex_destroy(lock)
    unsafe wakeUp.deallocate()
    unsafe lock.deallocate()
  }

  /// Queues a job. O(1); wakes a thread only if one sleeps. After `stop` the job is dropped.
  ///
  /// - Parameters:
  ///   - job: what to run.
  ///   - isUrgent: it takes turns with all others, however many of them came before.
  ///   - isBackground: it waits for all others, and is dropped by `stop` if it has not started.
  public func submit(_ job: any DiskJob, isUrgent: Bool = false, isBackground: Bool = false) {
    unsafe pthread_mutex_lock(lock)
    if !stopping {
      if isUrgent {
        urgent.append(job)
      } else if isBackground {
        background.append(job)
      } else if job is PieceWrite {
        writes.append(job)
      } else {
        usual.append(job)
      }
      if idle > 0 {
        idle -= 1
        unsafe pthread_cond_signal(wakeUp)
      }
    }
    unsafe pthread_mutex_unlock(lock)
  }

  /// Runs what is queued, ends the threads and waits for them. Not to be called on one of them.
  public func stop() {
    unsafe pthread_mutex_lock(lock)
    stopping = true
    idle = 0
    let ending = threads
    threads = []
    unsafe pthread_cond_broadcast(wakeUp)
    unsafe pthread_mutex_unlock(lock)
    for thread in ending { thread.join() }
    background = JobQueue()
  }

  private func work() {
    let thread = DiskThread()
    while let job = next(thread) {
      // A thread that takes pieces takes all that wait.
      if thread.isWriting { PieceWrite.runAll(on: thread) } else { job.run(on: thread) }
    }
  }

  private func next(_ thread: DiskThread) -> (any DiskJob)? {
    unsafe pthread_mutex_lock(lock)
    defer { unsafe pthread_mutex_unlock(lock) }
    thread.isWriting = false
    while true {
      if let job = take(thread) { return job }
      if stopping { return nil }
      if let job = background.removeFirst() { return job }
      // `idle` counts sleepers that nobody has signalled yet, so that no job wakes more than one.
      idle += 1
      unsafe pthread_cond_wait(wakeUp, lock)
    }
  }

  /// The next job but for those in the background, by turns from the queues.
  private func take(_ thread: DiskThread) -> (any DiskJob)? {
    if !wasUrgent || usual.isEmpty && writes.isEmpty, let job = urgent.removeFirst() {
      wasUrgent = true
      return job
    }
    wasUrgent = false
    if !wasWrite || usual.isEmpty, let write = takeWrites(thread) { return write }
    wasWrite = false
    return usual.removeFirst()
  }

  private func takeWrites(_ thread: DiskThread) -> (any DiskJob)? {
    guard let first = writes.removeFirst() else { return nil }
    wasWrite = true
    thread.isWriting = true
    var next: (any DiskJob)? = first
    while let write = next {
      thread.writes.append(write as? PieceWrite)
      next = thread.writes.count < PieceHasher.width ? writes.removeFirst() : nil
    }
    return first
  }
}

/// A ring of jobs that grows and keeps its memory.
private struct JobQueue {
  private var slots: [(any DiskJob)?] = []
  private var first = 0
  private var count = 0

  var isEmpty: Bool { count == 0 }

  mutating func append(_ job: any DiskJob) {
    if count == slots.count {
      slots =
        (0..<count).map { slots[(first + $0) % count] }
        + [(any DiskJob)?](repeating: nil, count: max(16, count))
      first = 0
    }
    slots[(first + count) % slots.count] = job
    count += 1
  }

  mutating func removeFirst() -> (any DiskJob)? {
    guard count > 0 else { return nil }
    let job = slots[first].take()
    first = (first + 1) % slots.count
    count -= 1
    return job
  }
}
