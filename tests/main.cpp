// The main of every test: as GoogleTest's own, but a program whose tests were all skipped says so to ctest by its exit code.

#include <gtest/gtest.h>

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const int result = RUN_ALL_TESTS();
  const testing::UnitTest& all = *testing::UnitTest::GetInstance();
  constexpr int skipped = 77;
  return result == 0 && all.successful_test_count() == 0 && all.skipped_test_count() > 0 ? skipped : result;
}
