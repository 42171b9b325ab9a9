//! What only real hardware can show. Its tests open the devices that `CORTEXKG_REQUIRE_DEVICE` names.
