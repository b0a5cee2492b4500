-- More parts of the fingerprints of a unit of this worker, from number `first` on.
local function run(me)
    fence(me)
    check_owner(me.unit, me)
    check_unit(me.unit)
    return {fingerprints(me.unit, me.first, PARTS)}
end
