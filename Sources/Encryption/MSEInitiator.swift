import Bytes
public import Digest

/// The side of an encrypted handshake that opened the connection. A value without sockets: bytes of the other
/// side go in, bytes to be sent come out. Bounded: it never holds more than about 1.2 KiB.
public struct MSEInitiator: Sendable {
  private enum State {
    /// Waits for the other's key.
    case key
    /// Looks for the constant, as the other side encrypts it, behind padding of unknown length.
    case constant(ciphers: StreamCiphers, pattern: [UInt8])
    /// Waits for the choice, and then for as much padding as it says.
    case choice(StreamCiphers)
    case padding(StreamCiphers, EncryptionMethod, count: Int)
    case ended
  }

  private let infoHash: InfoHash
  private let offer: EncryptionMethod
  private let first: [UInt8]
  private let exchange: KeyExchange
  private var state = State.key
  private var held: [UInt8] = []

  /// The bytes to send first.
  public let opening: [UInt8]

  /// Begins a handshake about `infoHash`. `first` are the first bytes of the stream, which travel encrypted
  /// with the handshake, whatever is chosen: the greeting of the peer protocol, at most 65,535 bytes.
  public init(
    _ infoHash: InfoHash, offering offer: EncryptionMethod, first: [UInt8],
    exchange: KeyExchange = KeyExchange()
  ) {
    self.infoHash = infoHash
    self.offer = offer
    self.first = first
    self.exchange = exchange
    opening = exchange.publicKey + MSESize.randomPadding()
  }

  /// Takes in bytes of the other side. After `done` or `failed` there is nothing more to do.
  public mutating func receive(_ bytes: RawSpan) -> MSEStep {
    held.append(contentsOf: bytes.array(0..<bytes.byteCount))
    var sent: [UInt8] = []
    while true {
      switch state {
      case .key:
        guard held.count >= KeyExchange.byteCount else { return .more(sent) }
        guard let secret = exchange.shared(with: Array(held.prefix(KeyExchange.byteCount))) else {
          return fail(.badKey)
        }
        held.removeFirst(KeyExchange.byteCount)
        guard let outgoing = MSEKeys.cipher(ofInitiator: true, secret, infoHash),
          let incoming = MSEKeys.cipher(ofInitiator: false, secret, infoHash)
        else { return fail(.noCipher) }
        sent = request(secret, outgoing)
        // Zeros, encrypted: the stream itself. This also moves the cipher behind them.
        var pattern = [UInt8](repeating: 0, count: MSESize.constant)
        incoming.apply(to: &pattern)
        state = .constant(ciphers: StreamCiphers(outgoing: outgoing, incoming: incoming), pattern: pattern)
      case .constant(let ciphers, let pattern):
        guard let position = held.firstPosition(of: pattern) else {
          guard held.count < MSESize.padding + MSESize.constant else { return fail(.notSynchronised) }
          return .more(sent)
        }
        guard position <= MSESize.padding else { return fail(.notSynchronised) }
        held.removeFirst(position + pattern.count)
        state = .choice(ciphers)
      case .choice(let ciphers):
        guard held.count >= 6 else { return .more(sent) }
        var choice = Array(held.prefix(6))
        held.removeFirst(6)
        ciphers.incoming?.apply(to: &choice)
        let method = EncryptionMethod(rawValue: choice.rawBytes.bigEndian(UInt32.self, at: 0))
        guard method == .plain || method == .rc4, offer.contains(method) else { return fail(.noCommonMethod) }
        let count = Int(choice.rawBytes.bigEndian(UInt16.self, at: 4))
        guard count <= MSESize.padding else { return fail(.tooLong) }
        state = .padding(ciphers, method, count: count)
      case .padding(let ciphers, let method, let count):
        guard held.count >= count else { return .more(sent) }
        ciphers.incoming?.skip(count)
        held.removeFirst(count)
        return .done(sent, finish(ciphers, method))
      case .ended:
        return .more([])
      }
    }
  }

  /// What follows the key: which torrent, what can be chosen, the first bytes.
  private func request(_ secret: [UInt8], _ outgoing: RC4) -> [UInt8] {
    var sent = MSEKeys.synchronisation(secret).bytes
    MSEKeys.exclusiveOr(MSEKeys.obfuscated(infoHash), MSEKeys.mask(secret)).append(to: &sent)
    let padding = MSESize.randomPadding()
    var hidden = [UInt8](repeating: 0, count: MSESize.constant)
    hidden.append(bigEndian: offer.rawValue)
    hidden.append(bigEndian: UInt16(padding.count))
    hidden += padding
    hidden.append(bigEndian: UInt16(first.count))
    hidden += first
    outgoing.apply(to: &hidden)
    return sent + hidden
  }

  private mutating func finish(_ ciphers: StreamCiphers, _ method: EncryptionMethod) -> MSEResult {
    state = .ended
    var early = held
    held = []
    guard method == .rc4 else {
      return MSEResult(
        infoHash: infoHash, method: method, ciphers: StreamCiphers(outgoing: nil, incoming: nil), early: early
      )
    }
    ciphers.incoming?.apply(to: &early)
    return MSEResult(infoHash: infoHash, method: method, ciphers: ciphers, early: early)
  }

  private mutating func fail(_ failure: MSEFailure) -> MSEStep {
    state = .ended
    held = []
    return .failed(failure)
  }
}

extension [UInt8] {
  /// Where `pattern` begins first. O(n · m), for the few hundred bytes of a handshake.
  func firstPosition(of pattern: [UInt8]) -> Int? {
    guard count >= pattern.count else { return nil }
    return (0...count - pattern.count).first { self[$0..<$0 + pattern.count].elementsEqual(pattern) }
  }
}
