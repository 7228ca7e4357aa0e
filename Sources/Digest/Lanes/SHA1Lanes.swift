/// SHA-1 of up to 16 messages at once: five times as fast as one after the other with AVX-512, nearly twice
/// with the SHA instructions of x86, the same elsewhere. They may differ in length and come in parts; most is
/// gained when they are alike.
///
/// `begin` each message; `set` the next bytes of each and `update`, again and again; `finish`; read each
/// `digest`. No allocation after the start. Confined to one thread at a time.
public struct SHA1Lanes: ~Copyable {
  /// Messages side by side.
  public static let width = LaneState.width

  private var state: LaneState

  /// Lanes without messages.
  public init() { self.init(kernel: .best) }

  /// Lanes that hash in one certain way, for tests.
  init(kernel: LaneKernel) { state = LaneState(.sha1, kernel: kernel) }

  /// Starts a message in `lane`.
  public func begin(lane: Int) { state.begin(lane) }

  /// Names the next bytes of the message in `lane`, any number; they must stay until `update`.
  public func set(_ bytes: UnsafeRawBufferPointer, lane: Int) { unsafe state.set(bytes, lane) }

  /// Takes in what was set. O(bytes).
  public mutating func update() { state.update() }

  /// Ends the messages in `lanes`, all at once.
  public mutating func finish(_ lanes: Range<Int>) { state.finish(lanes) }

  /// The digest of the message in `lane`, which was ended.
  public func digest(lane: Int) -> SHA1Digest {
    SHA1Digest(first: state.pair(0, lane), second: state.pair(2, lane), third: state.word(4, lane))
  }
}
