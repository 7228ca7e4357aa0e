/// The files that say who may announce what; read at the start and when asked to.
public struct AccessConfiguration: Sendable, Equatable {
  /// A file of info-hashes: only these are served.
  public var allow: String?
  /// A file of info-hashes: these are not served.
  public var deny: String?
  /// A file of passkeys: only who has one is served.
  public var passkeys: String?
  /// Torrents at a time with a passkey whose line does not say otherwise; 0 is any number.
  public var torrentsPerPasskey = 0
  /// Addresses at a time with a passkey whose line does not say otherwise; 0 is any number.
  public var addressesPerPasskey = 0

  /// An open tracker.
  public init() {}

  var isOpen: Bool { allow == nil && deny == nil && passkeys == nil }

  /// Reads the files with `read`; `nil` if there are none. Throws a line that names the file and the place.
  func lists(
    lifetime: UInt32, seed: UInt64, read: (String) throws(TrackerError) -> [UInt8]
  ) throws(TrackerError) -> AccessLists? {
    guard !isOpen else { return nil }
    return AccessLists(
      allowed: try set(allow, seed, read), denied: try set(deny, seed, read),
      passkeys: try book(lifetime, seed, read))
  }

  private func set(
    _ path: String?, _ seed: UInt64, _ read: (String) throws(TrackerError) -> [UInt8]
  ) throws(TrackerError) -> InfoHashSet? {
    guard let path else { return nil }
    let bytes = try read(path)
    do throws(AccessFiles.Fault) {
      return InfoHashSet(try AccessFiles.infoHashes(bytes), seed: seed)
    } catch {
      throw TrackerError(description: "\(path):\(error.line): \(error.problem)")
    }
  }

  private func book(
    _ lifetime: UInt32, _ seed: UInt64, _ read: (String) throws(TrackerError) -> [UInt8]
  ) throws(TrackerError) -> PasskeyBook? {
    guard let path = passkeys else { return nil }
    let bytes = try read(path)
    do throws(AccessFiles.Fault) {
      let members = try AccessFiles.members(
        bytes, torrents: torrentsPerPasskey, addresses: addressesPerPasskey)
      return PasskeyBook(members, lifetime: lifetime, seed: seed)
    } catch {
      throw TrackerError(description: "\(path):\(error.line): \(error.problem)")
    }
  }
}
