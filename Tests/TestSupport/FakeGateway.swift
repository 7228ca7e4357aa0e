import Foundation

/// A router that pretends: `Tests/Drivers/fake_gateway.py` says what it can do.
public enum FakeGateway {
  /// The script, for Python.
  public static let driver = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Drivers/fake_gateway.py").path
}
